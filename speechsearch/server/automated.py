"""Degrees of automation of sessions whose client leaves them to the server: the page's.

hello ─► the catalogue's degree ─► each answer says what may be done with it ─► what the person did
                    ▲                                                                  │
                    └────────────── kept when the session is over ◄────────────────────┘
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from speechsearch.automation import Automation, Catalogue, end_session
from speechsearch.errors import StateError
from speechsearch.rollout.degrees import Degree, Ladder
from speechsearch.wire import messages as m


class Automations:
    """One server's; belongs to its event loop."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> Automation:
        """A session at the degree that the catalogue has now; where that is unreadable hits are
        offered.
        """
        try:
            return self._catalogue.begin()
        except StateError as error:
            logging.warning("the degree of automation is unknown: %s", error)
            return Automation(Ladder(Degree.ASSISTANCE), 1.0)

    def end(self, automation: Automation) -> None:
        """Keep what a session brought, after those that ended before it."""
        task = asyncio.create_task(self._end(automation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Return once all is kept."""
        await asyncio.gather(*self._tasks)

    async def _end(self, automation: Automation) -> None:
        async with self._turn:
            try:
                said = await asyncio.to_thread(end_session, self._catalogue, automation)
            except (StateError, OSError) as error:
                said = f"what a session brought is lost: {error}"
        if said:
            logging.warning("automation: %s", said)


class Automated:
    """One session's degree; after ``over`` it is the one that the catalogue has then."""

    def __init__(self, automations: Automations) -> None:
        self._automations = automations
        self._automation: Automation | None = None

    @property
    def degree(self) -> str:
        """Its name."""
        return self._present.degree.name.lower()

    def answered(self, final: m.Final) -> m.Final:
        """The answer, with what may be done with it."""
        return msgspec.structs.replace(final, action=self._present.answered(final).value)

    def told(self, feedback: m.Feedback) -> None:
        """What the person did."""
        match feedback.action:
            case "click":
                self._present.chose(feedback.hit)
            case "typed":
                self._present.typed()
            case "offered":
                self._present.could_not_open()

    def over(self) -> None:
        """The client has gone, for now or for good."""
        ended, self._automation = self._automation, None
        if ended:
            self._automations.end(ended)

    @property
    def _present(self) -> Automation:
        self._automation = self._automation or self._automations.begin()
        return self._automation
