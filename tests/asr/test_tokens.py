"""Vocabularies as they lie on the hub: cases, brackets, old files, and what is no alphabet."""

from __future__ import annotations

import pytest

from speechsearch.asr.tokens import read_vocabulary
from speechsearch.errors import ModelError

from .conftest import write_json

BASE_960H = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "E": 5, "T": 6, "'": 7}
FINE_TUNED = {"|": 0, "'": 1, "a": 2, "b": 3, "[UNK]": 4, "[PAD]": 5}


@pytest.fixture
def tokenizer(tmp_path):
    def write(letters, tokenizer_config=None, **others):
        write_json(tmp_path / "vocab.json", letters)
        if tokenizer_config is not None:
            write_json(tmp_path / "tokenizer_config.json", tokenizer_config)
        for name, value in others.items():
            write_json(tmp_path / f"{name}.json", value)
        return tmp_path

    return write


def test_an_upper_case_alphabet_with_the_stock_marks_is_read(tokenizer):
    read = read_vocabulary(tokenizer(BASE_960H, {"do_lower_case": False}), 8, 0)
    assert (read.blank_id, read.word_delimiter) == (0, "|")
    assert read.hidden_ids == {0, 1, 2, 3}
    assert read.letters[5:] == ("E", "T", "'")


def test_a_lower_case_alphabet_with_bracketed_marks_and_marks_behind_the_outputs_is_read(tokenizer):
    path = tokenizer(
        FINE_TUNED,
        {"unk_token": "[UNK]", "pad_token": {"content": "[PAD]"}, "bos_token": "<s>"},
        added_tokens={"<s>": 6, "</s>": 7},
    )
    read = read_vocabulary(path, 6, 5)
    assert (read.blank_id, read.delimiter_id, read.hidden_ids) == (5, 0, {4, 5})


def test_an_older_tokenizer_says_its_marks_in_a_map(tokenizer):
    path = tokenizer(FINE_TUNED, special_tokens_map={"unk_token": "[UNK]", "pad_token": "[PAD]"})
    assert read_vocabulary(path, 6, None).blank_id == 5


def test_a_space_may_part_the_words(tokenizer):
    letters = {"<pad>": 0, " ": 1, "a": 2}
    read = read_vocabulary(tokenizer(letters, {"word_delimiter_token": " "}), 3, 0)
    assert read.word_delimiter == " "


def test_marks_that_no_file_names_are_never_shown(tokenizer):
    letters = {"<pad>": 0, "|": 1, "a": 2, "<mask>": 3}
    assert read_vocabulary(tokenizer(letters, {}), 4, 0).hidden_ids == {0, 3}


def test_columns_without_a_letter_are_never_shown(tokenizer):
    assert read_vocabulary(tokenizer(BASE_960H, {}), 10, 0).hidden_ids == {0, 1, 2, 3, 8, 9}


@pytest.mark.parametrize(
    ("letters", "size", "pad_id", "message"),
    [
        ({"eng": {"a": 0}}, 3, 0, "by language"),
        ({**BASE_960H, "Z": 9}, 8, 0, "does not fit the 8 outputs .* Z"),
        ({**BASE_960H, "A": 5}, 8, 0, "two letters the same column"),
        ({**BASE_960H, "SH": 8}, 9, 0, "'SH': more than one character"),
        ({"<pad>": 0, "|": 1}, 2, 0, "no letters"),
        ({"a": 0, "|": 1}, 2, None, "blank '<pad>'"),
        ({"a": 0, "<pad>": 1}, 2, None, r"word delimiter '\|'"),
        (BASE_960H, 8, 3, "two blanks"),
    ],
)
def test_what_is_no_alphabet_is_refused(tokenizer, letters, size, pad_id, message):
    with pytest.raises(ModelError, match=message):
        read_vocabulary(tokenizer(letters, {}), size, pad_id)


def test_a_folder_that_names_no_marks_at_all_is_refused(tokenizer):
    with pytest.raises(ModelError, match="tokenizer_config"):
        read_vocabulary(tokenizer(BASE_960H), 8, 0)
