import numpy as np
import pytest

from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.search.verdict import Verdict
from speechsearch.types import Entry

VOCABULARY = {letter: n for n, letter in enumerate("_ abcdefghijklmnopqrstuvwxyz")}
BOOKS = [
    Entry("moby", "Moby Dick", url="https://example.org/moby", fields={"author": "Melville"}),
    Entry("emma", "Emma", fields={"author": "Jane Austen"}),
    Entry("pride", "Pride and Prejudice", fields={"author": "Jane Austen"}),
    Entry("dracula", "Dracula", ("Count Dracula",), fields={"author": "Bram Stoker"}),
]


def heard(text):
    """Log-probs of a model that hears ``text`` letter by letter."""
    rows = []
    for letter in text:
        for column in (VOCABULARY[letter], 0):
            row = np.full(len(VOCABULARY), 0.002)
            row[column] = 1 - row.sum() + 0.002
            rows.append(row)
    return np.log(np.array(rows, np.float32))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "books"
    build_index(BOOKS, folder)
    return EmbeddedIndex.open(folder)


@pytest.fixture(scope="module")
def ranker(index):
    return Ranker(index, VOCABULARY)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("moby dick", "moby"),
        ("mobi dik", "moby"),
        ("find me moby dick", "moby"),
        ("prid and prejudis", "pride"),
        ("and prejudice", "pride"),
        ("dracula by bram stoker", "dracula"),
        ("count dracula", "dracula"),
        ("emma", "emma"),
    ],
)
def test_what_was_said_is_found_by_its_sound(ranker, said, found):
    hits = ranker.rank(said, heard(said))
    assert hits[0].id == found
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_the_sound_decides_where_the_text_is_wrong(ranker):
    hits = ranker.rank("dracula", heard("moby dick"))
    assert (hits[0].id, hits[0].why) == ("moby", "sound")


def test_a_typed_query_is_ranked_by_its_words(ranker):
    hits = ranker.rank("austen", None)
    assert {hit.id for hit in hits} == {"emma", "pride"}
    assert {hit.why for hit in hits} == {"text"}


def test_what_is_not_in_the_catalogue_has_no_hits(ranker):
    said = "zzz xylophone quartz"
    assert ranker.rank(said, heard(said)) == []


def test_titles_inside_a_longer_sentence_are_offered(ranker):
    said = "would my old teacher rather like dracula or even moby dick as a present"
    ranking = ranker.answer(said, heard(said))
    assert [hit.id for hit in ranking.hits[:2]] == ["moby", "dracula"]
    assert ranking.verdict is Verdict.DID_YOU_MEAN
    assert 0.4 <= ranking.confidence < 1
    assert not ranker.answer(said, heard(said), inside=False).hits


def test_hits_carry_address_and_fields(ranker):
    hit = ranker.rank("moby dick", heard("moby dick"))[0]
    assert (hit.url, hit.fields) == ("https://example.org/moby", {"author": "Melville"})


def test_the_limit_is_kept(ranker):
    assert len(ranker.rank("austen", None, limit=1)) == 1


@pytest.mark.parametrize("text", ["moby", "nothing alike", ""])
def test_a_large_catalogue_is_cut_first_to_what_shares_letters_or_words(index, text):
    ranker = Ranker(index, VOCABULARY, RankingOptions(most_cells=1, shortlist=2))
    assert ranker.rank(text, heard("find me mobi dik"))[0].id == "moby"


def test_an_empty_index_and_a_single_frame_are_no_error(tmp_path, ranker):
    build_index([], tmp_path / "i")
    empty = Ranker(EmbeddedIndex.open(tmp_path / "i"), VOCABULARY)
    assert empty.rank("emma", heard("emma")) == []
    assert ranker.rank("", heard("e")[:1]) == []
    ranker.warm_up()
