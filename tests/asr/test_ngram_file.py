from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.asr.kneser_ney import BuildOptions, build
from speechsearch.asr.ngram_file import load_ngram, save_ngram
from speechsearch.errors import ModelError
from tests.conftest import ROOT


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "ça", "it's"]), max_size=5), max_size=9),
    st.integers(1, 4),
)
def test_a_small_model_comes_back_as_it_went(tmp_path_factory, sentences, order):
    model = build(sentences, BuildOptions(order, (1,) * order))
    path = tmp_path_factory.mktemp("model") / "words.npz"
    save_ngram(model, path)
    back = load_ngram(path)
    assert (back.words, back.order) == (model.words, model.order)
    for one, other in zip(back.nodes, model.nodes, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_shipped_model_knows_english():
    model = load_ngram(ROOT / "models" / "english-words" / "words.npz")
    assert len(model.words) > 40_000
    assert model.sentence(["i", "want", "to", "see", "you"]) > model.sentence(
        ["you", "to", "i", "see", "want"]
    )
    assert model.sentence(["the", "secret", "garden"]) > model.sentence(["the", "cecret", "goadon"])


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "part", "number"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "words.npz"
    save_ngram(build([["a", "b"], ["b", "c"]]), path)
    arrays = dict(np.load(path))
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no model")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "part":
        np.savez(path, **{**arrays, "log_prob_codes": arrays["log_prob_codes"][:-1]})
    else:
        np.savez(path, **{**arrays, "word": arrays["word"] + 90})
    with pytest.raises(ModelError, match="make_language_model"):
        load_ngram(path)
