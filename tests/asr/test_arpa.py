from __future__ import annotations

import gzip
import math

import pytest

from speechsearch.asr.arpa import read_arpa
from speechsearch.errors import ModelError

TEXT = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-5.0\t<unk>
-99\t<s>\t-0.30103
-1.0\t</s>
-0.5\tTHE\t-0.2
-0.7\tcat\t-0.1

\\2-grams:
-0.1\t<s> the\t-0.05
-0.3\tthe cat\t-0.4
-0.6\tcat </s>

\\3-grams:
-0.02\t<s> the cat

\\end\\
"""


def read(tmp_path, text, name="model.arpa"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_arpa(path)


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_probabilities_are_those_of_the_file_in_nats(tmp_path, name):
    model = read(tmp_path, TEXT, name)
    assert model.order == 3
    expected = -0.1 - 0.02 - 0.4 - 0.6  # "<s> the cat" has no "cat </s>" after it: back off
    assert model.sentence(["the", "cat"]) == pytest.approx(expected * math.log(10))
    assert model.score(model.after(["cat"]), "the")[1] == pytest.approx(-0.6 * math.log(10))
    assert model.score(model.after(["the", "cat"]), "the")[1] == pytest.approx(
        (-0.4 - 0.1 - 0.5) * math.log(10)
    )
    assert model.score(0, "dog")[1] == pytest.approx(-5 * math.log(10))


def test_words_are_lower_case_and_missing_marks_are_added(tmp_path):
    text = "\\data\\\nngram 1=1\n\n\\1-grams:\n-0.3\tHELLO\n\n\\end\\\n"
    model = read(tmp_path, text)
    assert set(model.words) == {"hello", "<unk>", "<s>", "</s>"}
    assert model.score(model.start, "hello")[1] == pytest.approx(-0.3 * math.log(10))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-0.5\tTHE", "x\tTHE", "line 10: .*'x'"),
        ("-0.3\tthe cat\t-0.4", "-0.3\tthe", "line 15: no n-gram of 2"),
        ("-0.3\tthe cat", "-0.3\tthe dog", "line 15: 'dog'"),
        ("ngram 2=3", "ngram 2=4", "no n-gram of 2 where 4"),
        ("ngram 2=3", "ngram 2=2", "line 16: .* should be"),
        ("ngram 2=3\n", "", "ngram 3=1"),
        ("ngram 3=1", "ngram 3=99999999999", "at most"),
        ("-0.7\tcat", "-0.7\tthe", "'the' is there twice"),
        ("\\end\\", "", "ends before"),
        ("-0.1\t<s> the", "-0.1\t</s> the", "beginning of a longer one"),
        ("-0.5\tTHE", "nan\tTHE", "line 10"),
    ],
)
def test_a_damaged_file_says_where(tmp_path, old, new, message):
    assert old in TEXT
    with pytest.raises(ModelError, match=message):
        read(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "no model\n", "\\data\\\nngram 1=1\n"])
def test_what_is_no_model_is_refused(tmp_path, text):
    with pytest.raises(ModelError):
        read(tmp_path, text)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_arpa(tmp_path / "none.arpa")
    (tmp_path / "binary.arpa").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be read"):
        read_arpa(tmp_path / "binary.arpa")
