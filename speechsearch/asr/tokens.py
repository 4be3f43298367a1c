"""The letters of a checkpoint's tokenizer, read without transformers.

Files: ``vocab.json`` (letter -> column), ``tokenizer_config.json``, and in older checkpoints
``special_tokens_map.json`` and ``added_tokens.json`` beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from speechsearch.asr.model import Vocabulary
from speechsearch.errors import ModelError

VOCABULARY_FILES = (
    "vocab.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_DEFAULTS = {
    "pad_token": "<pad>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "word_delimiter_token": "|",
}
"""Those of transformers' Wav2Vec2CTCTokenizer."""
_HIDDEN = ("pad_token", "bos_token", "eos_token", "unk_token")
_MARK = re.compile(r"<.+>|\[.+\]")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ``ModelError`` when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ModelError(
            f"{path.name} cannot be read in {path.parent}", hint="Copy the whole model folder"
        ) from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is not a JSON object: {error}") from error


def read_vocabulary(path: Path, size: int, pad_id: int | None) -> Vocabulary:
    """The letters of the folder ``path`` for a model of ``size`` outputs.

    ``pad_id`` is the blank's column as config.json has it, None where it does not say. Raises
    ``ModelError`` when a letter has no column or more than one character, or when blank or word
    delimiter are missing.
    """
    roles = _roles(path)
    marks = {token for role in _HIDDEN if (token := roles[role])}
    ids = _columns(path, size, marks)
    for name, role in (("word delimiter", "word_delimiter_token"), ("blank", "pad_token")):
        if roles[role] not in ids:
            raise ModelError(
                f"The {name} {roles[role]!r} of {path} is not in vocab.json",
                hint="tokenizer_config.json must name it (word_delimiter_token, pad_token)",
            )
    blank, delimiter = ids[roles["pad_token"]], ids[roles["word_delimiter_token"]]
    if pad_id is not None and pad_id != blank:
        raise ModelError(f"{path} has two blanks: {pad_id} in config.json, {blank} else")
    letters = [""] * size
    for letter, i in ids.items():
        letters[i] = letter
    hidden = {i for i, letter in enumerate(letters) if not letter or letter in marks}
    hidden |= {i for i, letter in enumerate(letters) if _MARK.fullmatch(letter)}
    _check_letters(path, [letters[i] for i in range(size) if i not in hidden | {delimiter}])
    return Vocabulary(tuple(letters), blank, delimiter, frozenset(hidden - {delimiter}))


def _roles(path: Path) -> dict[str, str]:
    """Role -> token; as the tokenizer's files say, else as transformers would take it."""
    stated: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (path / name).exists():
            stated |= read_json(path / name)
    if not stated and not (path / "tokenizer_config.json").exists():
        raise ModelError(
            f"{path} has neither tokenizer_config.json nor special_tokens_map.json",
            hint="Copy the whole model folder",
        )
    return {role: _token(stated.get(role, token)) for role, token in _DEFAULTS.items()}


def _token(stated: Any) -> str:
    """A token is written as its text or as an object with it."""
    if isinstance(stated, Mapping):
        stated = stated.get("content")
    return stated if isinstance(stated, str) else ""


def _columns(path: Path, size: int, marks: set[str]) -> dict[str, int]:
    """Token -> column; sentence marks that training added behind the outputs are left out."""
    ids = read_json(path / "vocab.json")
    if (path / "added_tokens.json").exists():
        added = read_json(path / "added_tokens.json")
        ids |= {token: i for token, i in added.items() if token not in ids}
    if not all(isinstance(i, int) and i >= 0 for i in ids.values()):
        raise ModelError(
            f"vocab.json in {path} does not map each letter to one column",
            hint="Vocabularies by language are not read: choose one and save it as vocab.json",
        )
    beyond = sorted(token for token, i in ids.items() if i >= size and token not in marks)
    if beyond:
        raise ModelError(
            f"vocab.json in {path} does not fit the {size} outputs of config.json: "
            f"no output for {', '.join(beyond[:5])}",
            hint="Take vocab.json and config.json from the same model",
        )
    columns = {token: i for token, i in ids.items() if i < size}
    if len(set(columns.values())) != len(columns):
        raise ModelError(f"vocab.json in {path} gives two letters the same column")
    return columns


def _check_letters(path: Path, letters: list[str]) -> None:
    long = [letter for letter in letters if len(letter) != 1]
    if long:
        raise ModelError(
            f"{path} writes {', '.join(map(repr, long[:5]))}: more than one character in a column",
            hint="Only models that write letters are read, not those of phonemes or word pieces",
        )
    if not letters:
        raise ModelError(f"vocab.json in {path} has no letters")
