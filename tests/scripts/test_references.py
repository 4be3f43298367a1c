from references import Doubt, Edit, doubts, edits

SAID = "he went for ever into the old town"


def test_edits_are_told_in_words_of_the_reference():
    assert edits("a b c d", "a x c d") == {Edit(1, 2, "x")}
    assert edits("a b c d", "a x y d") == {Edit(1, 3, "x y")}
    assert edits("a b", "a b c") == {Edit(2, 2, "c")}
    assert edits("a b", "a b") == set()


def test_what_all_write_otherwise_puts_the_reference_in_doubt():
    heard = ["He went for ever into the cold town."] * 2 + ["he went forever into the cold town"]
    assert doubts(SAID, heard) == [Doubt("reference", "old", "cold")]


def test_what_two_of_three_write_does_not():
    assert doubts(SAID, [SAID, SAID.replace("old", "cold"), SAID.replace("old", "cold")]) == []


def test_the_same_letters_are_a_matter_of_spelling():
    assert doubts(SAID, [SAID.replace("for ever", "forever")] * 3) == [
        Doubt("spelling", "for ever", "forever")
    ]


def test_what_nobody_hears_as_another_does_is_undecidable():
    found = doubts("mark is going", ["my coat in", "much ago", "back east gone now"])
    assert [doubt.kind for doubt in found] == ["undecidable"]


def test_where_an_engine_hears_nothing_nothing_is_said():
    assert doubts(SAID, ["", "x", "x"]) == []
