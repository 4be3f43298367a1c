"""When a second ear's words are shown: pure, one object for each utterance.

hears ─► answer ─► its words are the answer's          (it was ready in time)
  ├────► answer, promised ─► revised, once             (later)
  └─► draft ─► answer in its words, promised ─► revised, once
anything ─► discarded: speech went on, or it is too late; a promise is kept with what stands
"""

from __future__ import annotations

from speechsearch.pipeline import Revision
from speechsearch.server.replies import revised_message
from speechsearch.types import Result
from speechsearch.wire import messages as m

LATE = "late"


class Revising:
    """Told what happens to one utterance; says what the client is to be told."""

    def __init__(self) -> None:
        self._revision: Revision | None = None
        self._draft: Result | None = None
        self._shown: Result | None = None
        self._over = False
        self.outcome = ""
        """What came of it, once it is over: first, revised, same, discarded, late or why it was
        not believed"""

    @property
    def promised(self) -> bool:
        """Whether the client waits for a revision."""
        return self._shown is not None and not self._over

    def draft(self, revision: Revision) -> None:
        """What the second ear heard in parts: it stands where the whole comes to nothing."""
        if not self._over:
            self._draft = revision.result

    def answer(self, first: Result) -> Result:
        """The utterance is answered now: with what?"""
        if self._over or self._shown is not None:
            return first
        if self._revision is None:
            self._shown = self._draft or first
            return self._shown
        self._end("first" if self._revision.result else self._revision.reason)
        return self._revision.result or self._draft or first

    def heard(self, revision: Revision) -> m.Revised | None:
        """The second ear is done: what to say to a client that was answered."""
        if self._over:
            return None
        if self._shown is None:
            self._revision = self._revision or revision
            return None
        if revision.result is None:
            return self._keep(self._draft or self._shown, revision.reason)
        self._end("revised" if revision.result.text != self._shown.text else "same")
        return revised_message(revision.result)

    def discard(self, why: str = "discarded") -> m.Revised | None:
        """Nobody wants it any more: what to say to a client that it was promised to."""
        if self._over:
            return None
        if self._shown is not None:
            stands = self._draft if why == LATE else None
            return self._keep(stands or self._shown, why)
        self._end(why)
        return None

    def _keep(self, stands: Result, why: str) -> m.Revised:
        self._end(why)
        return revised_message(stands)

    def _end(self, outcome: str) -> None:
        self._over, self.outcome = True, outcome
