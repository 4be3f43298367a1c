"""A recipe: everything that decides what a training makes, in one TOML file.

Paths are relative to the recipe's folder. Every field has its default here; an unknown one is an
error. Nothing but the recipe and the data decides the outcome: the same recipe goes on after
``kill -9`` as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from speechsearch.errors import RecipeError

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Steps = Annotated[int, msgspec.Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the recipe."""


class Speech(_Part, frozen=True):
    """A table of recordings to train on."""

    table: str
    where: dict[str, str] = {}
    """Column -> what its value must be: a pattern (``train/ljspeech/*``) or ``<16``, ``>=16``"""
    minutes: Positive | None = None
    """At most so much of it, whole speakers, drawn by the seed"""
    times: Positive = 1.0
    """How often an epoch goes through it; 0.3 is another 30 % each epoch"""
    letters: NotNegative = 1.0
    """Weight of its transcripts (CTC)"""
    teacher: NotNegative = 0.0
    """Weight of what the teacher hears in it (Kullback-Leibler divergence a frame)"""


class Lengths(_Part, frozen=True):
    """Which recordings are taken, and the silence around them."""

    shortest_s: Positive = 0.3
    longest_s: Positive = 16.0
    most_silence_ms: NotNegative = 300.0
    """Up to so much of the recording's own noise floor is put before it, and behind"""


class Augment(_Part, frozen=True):
    """Shares of the recordings that each is done to, and how much of it."""

    speed_share: Share = 0.5
    speeds: tuple[float, ...] = (0.88, 0.94, 1.06, 1.12)
    rooms: str = ""
    """Table with rows of kind ``rir``"""
    room_share: Share = 0.2
    noise: str = ""
    """Table with rows of other kinds; empty: pink noise"""
    noise_share: Share = 0.4
    snr_db: tuple[float, float] = (3.0, 25.0)
    band_share: Share = 0.1
    """Telephones and small microphones"""
    high_pass_hz: tuple[float, float] = (100.0, 400.0)
    low_pass_hz: tuple[float, float] = (2500.0, 6000.0)
    clip_share: Share = 0.05
    clip_db: tuple[float, float] = (3.0, 12.0)
    """How far below its peak a recording is clipped"""
    gain_share: Share = 0.2
    gain_db: tuple[float, float] = (-9.0, 9.0)
    """Where the level goes to, or comes from, in the middle of the recording: whoever turns away.
    A constant gain would do nothing: models hear unit variance"""
    time_masks: Share = 0.05
    """SpecAugment (Park et al. 2019), inside the model: the share of frames that are masked"""
    time_mask_frames: Count = 6
    feature_masks: Share = 0.0
    feature_mask_channels: Count = 24
    dropout: Share | None = None
    """In attention, inside the feed-forward layers and before the letters; as the model was
    configured if not given"""


class Optimiser(_Part, frozen=True):
    """AdamW with a rate for each part: pretrained parts take little."""

    steps: Count = 1000
    minutes: Positive | None = None
    """Of work, instead of ``steps``: for a machine that is lent for so long. The rates then follow
    the clock, so that two such trainings are alike but not equal"""
    batch_s: Positive = 48.0
    """Seconds of sound in a step, padding counted"""
    front_rate: NotNegative = 1e-5
    """The convolutions and their projection; 0 freezes a part"""
    encoder_rate: NotNegative = 1e-4
    letters_rate: NotNegative = 1e-3
    """The layer that writes the letters"""
    letters_first_steps: Steps = 0
    """At first only that layer is trained: for a new one"""
    warmup_steps: Steps = 100
    last_share: Share = 0.02
    """What the rate has fallen to at the end, along a cosine"""
    weight_decay: NotNegative = 1e-2
    clip_norm: Positive = 2.0
    average: Share = 0.998
    """Decay of the moving average of the weights, which is what comes out, but for ``keep``"""
    keep: Share = 0.0
    """Share of the weights begun with in what comes out: halfway between both, what was known is
    kept and most of what is new is there (WiSE-FT, Wortsman et al. 2022)"""


class Watch(_Part, frozen=True):
    """A table to be heard while training; never trained on."""

    name: str
    table: str
    where: dict[str, str] = {}
    most: Count | None = None
    """Recordings, drawn by the seed"""


class Recipe(_Part, frozen=True):
    """All of it."""

    start: str
    """A model's name, or a checkpoint folder"""
    speech: tuple[Speech, ...]
    out: str = ""
    """Folder of the run; empty: the recipe's name beside it"""
    teacher: str = ""
    """A model's name or a checkpoint folder that writes the same letters at the same frames"""
    seed: int = 0
    lengths: Lengths = Lengths()
    augment: Augment = Augment()
    optimiser: Optimiser = Optimiser()
    watch: tuple[Watch, ...] = ()
    watch_every_steps: Count = 500
    save_every_s: Positive = 180.0
    samples: Steps = 3
    """Transcripts shown of each watched table"""
    threads: Count = 1

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes what comes out; not with how it is watched."""
        told = msgspec.structs.replace(
            self, out="", watch=(), watch_every_steps=1, save_every_s=1.0, samples=0
        )
        return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


def read_recipe(path: Path) -> Recipe:
    """Read the file, its paths made absolute; ``RecipeError`` for anything that does not fit."""
    try:
        recipe = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(
            f"{path}: {error}", hint="The fields are in speechsearch/learning/training/recipe.py"
        ) from error
    _check(path, recipe)
    return _placed(recipe, path.resolve())


def _check(path: Path, recipe: Recipe) -> None:
    if not recipe.speech:
        raise RecipeError(f"{path}: no speech to train on", hint="Add a table [[speech]]")
    if any(part.teacher for part in recipe.speech) and not recipe.teacher:
        raise RecipeError(f"{path}: speech with a teacher's weight, and no teacher")
    if not any(part.letters or part.teacher for part in recipe.speech):
        raise RecipeError(f"{path}: all weights are 0, so nothing is learned")
    augment = recipe.augment
    spans = {
        "snr_db": augment.snr_db,
        "high_pass_hz": augment.high_pass_hz,
        "low_pass_hz": augment.low_pass_hz,
        "clip_db": augment.clip_db,
        "gain_db": augment.gain_db,
        "lengths": (recipe.lengths.shortest_s, recipe.lengths.longest_s),
    }
    for name, (low, high) in spans.items():
        if low > high:
            raise RecipeError(f"{path}: {name} from {low:g} to {high:g} is no span")
    if not all(0.5 <= speed <= 2 for speed in augment.speeds):
        raise RecipeError(f"{path}: speeds must lie between 0.5 and 2")


def _placed(recipe: Recipe, path: Path) -> Recipe:
    """With every path absolute; names of models, which are no folders there, stay names."""
    here = path.parent

    def table(name: str) -> str:
        return str((here / name).resolve()) if name else ""

    def model(name: str) -> str:
        return table(name) if name and (here / name).is_dir() else name

    return msgspec.structs.replace(
        recipe,
        start=model(recipe.start),
        teacher=model(recipe.teacher),
        out=str((here / (recipe.out or path.stem)).resolve()),
        speech=tuple(
            msgspec.structs.replace(part, table=table(part.table)) for part in recipe.speech
        ),
        watch=tuple(
            msgspec.structs.replace(part, table=table(part.table)) for part in recipe.watch
        ),
        augment=msgspec.structs.replace(
            recipe.augment, rooms=table(recipe.augment.rooms), noise=table(recipe.augment.noise)
        ),
    )
