import msgspec

from speechsearch.rollout.difference import CONTENT, Difference, part_pairs
from speechsearch.rollout.version import Part, settings_part
from tests.rollout.made import version


def test_a_setting_that_differs_is_named_with_both_values_and_its_part_alone():
    champion = version()
    ranking = settings_part("text", {"search": {"limit": 5, "mode": "text"}})
    challenger = msgspec.structs.replace(champion, ranking=ranking)
    pairs = {one.part: one for one in part_pairs(champion, challenger)}
    assert list(pairs) == ["vad", "model", "decoder", "index", "ranking"]
    assert [part for part, one in pairs.items() if one.differs] == ["ranking"]
    assert (pairs["ranking"].champion, pairs["ranking"].challenger) == ("sound", "text")
    assert pairs["ranking"].differs == [
        Difference("search.limit", 10, 5),
        Difference("search.mode", None, "text"),
    ]


def test_content_under_the_same_settings_differs_by_its_hash():
    champion = version()
    index = Part("books", "f" * 64, champion.index.settings)
    challenger = msgspec.structs.replace(champion, index=index)
    (pair,) = [one for one in part_pairs(champion, challenger) if one.differs]
    assert pair.differs == [Difference(CONTENT, champion.index.sha256[:12], "f" * 12)]


def test_without_a_challenger_the_champion_stands_alone():
    assert all(one.challenger == "" and not one.differs for one in part_pairs(version(), None))
