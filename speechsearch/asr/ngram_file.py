"""An n-gram model in a small file: numbers of 8 bits, children counted, suffixes found again.

Probabilities and back-off weights are each one of 256 values, those at equal shares of all, as in
Federico and Bertoldi 2006, "How Many Bits Are Needed To Store Probabilities".
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from speechsearch.asr.ngram import END, UNKNOWN, NGram, Nodes, link_suffixes
from speechsearch.errors import ModelError

VALUES = 256
_MADE_BY = "Make it again with scripts/make_language_model"


def save_ngram(model: NGram, path: Path) -> None:
    """Write the model; what comes back has its numbers rounded to the nearest of 256."""
    nodes = model.nodes
    log_probs, log_prob_codes = _quantise(nodes.log_prob[1:])
    backoffs, backoff_codes = _quantise(nodes.backoff[1:])
    arrays: dict[str, Any] = {
        "words": np.frombuffer("\n".join(model.words).encode(), np.uint8),
        "order": np.int64(model.order),
        "children": _narrow(np.diff(nodes.first)),
        "word": _narrow(nodes.word[1 + len(model.words) :]),
        "log_probs": log_probs,
        "log_prob_codes": log_prob_codes,
        "backoffs": backoffs,
        "backoff_codes": backoff_codes,
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_ngram(path: Path) -> NGram:
    """The model of a file; ``ModelError`` where it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _model(arrays)
    except (OSError, KeyError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"The language model {path} cannot be read: {error}", hint=_MADE_BY
        ) from error


def _model(arrays: Any) -> NGram:
    words = tuple(arrays["words"].tobytes().decode().split("\n"))
    numbers = np.concatenate([[0], np.arange(len(words)), arrays["word"]]).astype(np.int32)
    size = len(numbers)
    first = 1 + np.concatenate([[0], np.cumsum(arrays["children"], dtype=np.int64)])
    nothing = np.zeros(1, np.float32)
    nodes = Nodes(
        word=numbers,
        first=first.astype(np.int32),
        log_prob=np.concatenate([nothing, arrays["log_probs"][arrays["log_prob_codes"]]]),
        backoff=np.concatenate([nothing, arrays["backoffs"][arrays["backoff_codes"]]]),
        suffix=np.zeros(size, np.int32),
    )
    whole = {len(nodes.first) - 1, len(nodes.log_prob), len(nodes.backoff), int(first[-1])}
    if whole != {size} or first[1] != 1 + len(words) or numbers.max() >= len(words):
        raise ValueError("its parts do not fit one another")
    if not {UNKNOWN, END} <= set(words) or link_suffixes(nodes, 1 + len(words)) >= 0:
        raise ValueError("it lacks a mark or an n-gram that others need")
    return NGram(words, int(arrays["order"]), nodes)


def _quantise(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], Any]:
    """(256 values, the number of the nearest one for each)."""
    distinct = np.unique(values)
    if len(distinct) <= VALUES:
        spread = np.pad(distinct, (0, VALUES - len(distinct)), mode="edge")
    else:
        spread = np.quantile(distinct, np.linspace(0, 1, VALUES)).astype(np.float32)
    codes = np.searchsorted((spread[1:] + spread[:-1]) / 2, values)
    return spread, codes.astype(np.uint8)


def _narrow(numbers: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """In the fewest bytes that hold them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
