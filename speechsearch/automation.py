"""How much an answer does by itself in one session, and what people made of it.

answer ─► nothing, compare, offer or open ─► the person takes, says again, types ─► tally ─► ladder

The degree of a catalogue outlives sessions in a file. A session that ends may lower it; only a
person raises it (``speechsearch automation up``). Who shows the answers runs this: the desktop's
client, and the server for the page in the browser.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec

from speechsearch.clock import Clock, monotonic_s
from speechsearch.config import AutomationOptions, Settings
from speechsearch.durable import replace_file
from speechsearch.errors import StateError
from speechsearch.rollout.degrees import Action, Degree, Ladder, Tally, action
from speechsearch.wire import messages as m

AGAIN_S = 8.0
"""Who speaks again so soon after something was opened did not want it"""
Outcome = Literal["accepted", "overridden", "unknown"]


class Kept(msgspec.Struct, frozen=True):
    """What is known of a catalogue."""

    set_to: str
    """The degree that the settings named then: another one there begins anew"""
    ladder: Ladder
    by_degree: dict[str, Tally] = {}
    """All there ever was"""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue's degree, in a file."""

    name: str
    path: Path
    options: AutomationOptions

    @classmethod
    def of(cls, settings: Settings) -> Catalogue:
        """That of the index that is searched."""
        index = settings.search.index
        name = Path(index).name if index else "demo"
        key = hashlib.sha256((str(Path(index).absolute()) if index else "").encode()).hexdigest()
        folder = settings.user_models_dir.parent / "automation"
        return cls(name, folder / f"{name}-{key[:8]}.json", settings.automation)

    def load(self) -> Kept:
        """As the last session left it; raises StateError where the file is damaged."""
        degree = Degree[self.options.degree.upper()]
        fresh = Ladder(degree, Degree[self.options.ceiling.upper()])
        try:
            kept = msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept(self.options.degree, fresh)
        except (OSError, msgspec.DecodeError) as error:
            raise StateError(
                f"{self.path} cannot be read: {error}", hint="Remove it: the degree begins anew"
            ) from error
        if kept.set_to != self.options.degree or kept.ladder.ceiling != fresh.ceiling:
            return Kept(self.options.degree, fresh, kept.by_degree)
        return kept

    def save(self, kept: Kept) -> None:
        """Replace the file as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, msgspec.json.format(msgspec.json.encode(kept)))

    def begin(self) -> Automation:
        """A session at the degree that the catalogue has; raises StateError."""
        return Automation(self.load().ladder, self.options.open_above)

    def step_up(self, person: str) -> Kept:
        """A person takes the proposal on; raises IllegalTransition where there is none."""
        kept = self.load()
        kept = msgspec.structs.replace(kept, ladder=kept.ladder.step_up(person))
        self.save(kept)
        return kept


@dataclass(slots=True)
class _Answer:
    """The newest answer, of which it is not known yet what the person makes of it."""

    utterance: int
    top: str
    """Id of the first hit; empty where there is none"""
    opened: bool
    at_s: float


@dataclass(slots=True)
class Automation:
    """One session at the degree that it began with."""

    ladder: Ladder
    open_above: float
    clock: Clock = monotonic_s
    tally: Tally = field(default_factory=Tally)
    _open: _Answer | None = None

    @property
    def degree(self) -> Degree:
        """That of this session."""
        return self.ladder.degree

    @property
    def hears(self) -> bool:
        """Whether anything said is heard at all."""
        return self.degree is not Degree.HUMAN_ONLY

    @property
    def shows(self) -> bool:
        """Whether answers to what is said are shown."""
        return self.degree >= Degree.ASSISTANCE

    def answered(self, final: m.Final) -> Action:
        """What is to be done with an answer; the one before is settled by it."""
        wanted = action(self.degree, final.answer_confidence, self.open_above)
        before, top = self._open, final.hits[0].id if final.hits else ""
        if wanted is Action.OPEN and not top:
            wanted = Action.OFFER
        if before and final.continues == before.utterance:
            if before.opened:
                same = before.top == top
                self._settle("unknown" if same else "overridden")
                wanted = Action.OFFER if same else wanted
            self._open = None
        elif before:
            again = self.clock() - before.at_s < AGAIN_S
            self._settle("unknown" if not before.opened else "overridden" if again else "accepted")
        self._open = _Answer(final.utterance, top, wanted is Action.OPEN, self.clock())
        return wanted

    def could_not_open(self) -> None:
        """What was to be opened by itself is only offered after all."""
        if self._open:
            self._open = replace(self._open, opened=False)

    def chose(self, hit: str) -> None:
        """The person took the hit of this id, of the answer or of a typed query."""
        if self._open:
            self._settle("accepted" if hit == self._open.top else "overridden")

    def typed(self) -> None:
        """The person types instead: seen, that is no; unseen, what is picked then decides."""
        if self._open and self.shows:
            self._settle("overridden")

    def close(self) -> Tally:
        """The session is over: what came of it."""
        if self._open:
            self._settle("accepted" if self._open.opened else "unknown")
        return self.tally

    def _settle(self, outcome: Outcome) -> None:
        answer, self._open = self._open, None
        if answer is None or outcome == "unknown":
            return
        accepted = outcome == "accepted"
        wrong = answer.opened and not accepted
        self.tally += Tally(1, int(accepted), int(answer.opened), int(wrong))


def end_session(catalogue: Catalogue, automation: Automation) -> str:
    """Keep what a session brought; what a person should know of it, or nothing.

    Other sessions may have ended since this one began: where they have changed the degree, this one
    tells nothing of the new one. Raises StateError.
    """
    tally, kept, degree = automation.close(), catalogue.load(), automation.degree
    if not tally.answers:
        return ""
    name, ladder = degree.name.lower(), kept.ladder
    if ladder.degree is degree:
        ladder = ladder.add(tally)
    tallies = {**kept.by_degree, name: kept.by_degree.get(name, Tally()) + tally}
    catalogue.save(Kept(catalogue.options.degree, ladder, tallies))
    if ladder.degree < degree:
        return (
            f"too many answers were not what was wanted: from now on {ladder.degree.name.lower()} "
            f"instead of {name}"
        )
    if ladder.proposal is not None:
        return (
            f"answers have earned {ladder.proposal.name.lower()} instead of {name}: "
            "speechsearch automation up"
        )
    return ""
