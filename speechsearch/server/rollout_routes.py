"""The HTTP API of the rollouts, for who has the administrator's token.

GET  /v1/rollout            where it stands, with the evidence
GET  /v1/rollout/history    every transition and every incident, oldest first
POST /v1/rollout/start      {"changes": {"asr": {"model": ...}}} or {"version": "v-..."},
                            "plan", "card", "who"
POST /v1/rollout/VERB       pause, resume, promote, rollback: {"who", "why"}
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from speechsearch.config import RolloutOptions
from speechsearch.errors import (
    CatalogueError,
    ConfigError,
    MalformedMessage,
    ModelError,
    Unauthorized,
)
from speechsearch.rollout import controller
from speechsearch.rollout.state import Decision, Incident, Plan, State, Transition
from speechsearch.server.rollout_files import admin_token
from speechsearch.server.rollout_status import Status, status_of

if TYPE_CHECKING:
    from speechsearch.server.rollouts import Rollouts

PATH = "/v1/rollout"
MOST_BYTES = 100_000
VERBS = ("pause", "resume", "promote", "rollback")
NOBODY = "the API"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a POST."""

    who: str = NOBODY
    why: str = "by hand"
    version: str = ""
    """One that is registered already, or …"""
    changes: dict[str, dict[str, Any]] = {}
    """… the champion with other settings"""
    plan: dict[str, Any] = {}
    """What differs from the default plan"""
    card: str = ""


class History(msgspec.Struct, frozen=True):
    """What has happened."""

    transitions: list[Transition]
    incidents: list[Incident]


class RolloutRoutes:
    """The routes; each checks the token."""

    def __init__(self, rollouts: Rollouts, options: RolloutOptions) -> None:
        self._rollouts = rollouts
        self._token = admin_token(options)

    def routes(self) -> list[Route]:
        """For the app."""
        verbs = [
            Route(f"{PATH}/{verb}", partial(self.act, verb=verb), methods=["POST"])
            for verb in VERBS
        ]
        return [
            Route(PATH, self.status),
            Route(f"{PATH}/history", self.history),
            Route(f"{PATH}/start", self.start, methods=["POST"]),
            *verbs,
        ]

    async def status(self, request: Request) -> Response:
        """Where it stands."""
        self._check(request)
        return _json(status_of(self._rollouts))

    async def history(self, request: Request) -> Response:
        """Everything that was decided."""
        self._check(request)
        return _json(History(*self._rollouts.history()))

    async def start(self, request: Request) -> Response:
        """Let a version in."""
        asked = await self._asked(request)
        if bool(asked.version) is bool(asked.changes):
            raise MalformedMessage(
                "a rollout needs either a version or changes",
                hint='Send {"changes": {"asr": {"model": "NAME"}}}',
            )
        plan = _plan(asked.plan)
        try:
            version = (
                self._rollouts.registered(asked.version)
                if asked.version
                else await self._rollouts.version_with(asked.changes)
            )
            await self._rollouts.start(version, plan, asked.who, asked.card)
        except (ConfigError, ModelError, CatalogueError) as error:
            raise MalformedMessage(error.message, hint=error.hint) from error
        return _json(status_of(self._rollouts))

    async def act(self, request: Request, verb: str) -> Response:
        """Pause, resume, promote, roll back."""
        asked = await self._asked(request)
        decide: dict[str, Callable[[State], Decision]] = {
            "pause": lambda state: controller.pause(state, time.time(), asked.who),
            "resume": lambda state: controller.resume(state, time.time(), asked.who),
            "promote": lambda state: controller.promote(state, time.time(), asked.who),
            "rollback": lambda state: controller.rollback(state, time.time(), asked.who, asked.why),
        }
        await self._rollouts.decide(decide[verb])
        return _json(status_of(self._rollouts))

    def _check(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Unauthorized(
                "the administrator's token is wrong",
                hint="Send Authorization: Bearer TOKEN with the server's rollout.token",
            )

    async def _asked(self, request: Request) -> Asked:
        self._check(request)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise MalformedMessage("the body is too long", hint=f"Up to {MOST_BYTES} bytes")
        try:
            return msgspec.json.decode(bytes(body) or b"{}", type=Asked)
        except msgspec.DecodeError as error:
            raise MalformedMessage(f"the body is wrong: {error}", hint=__doc__ or "") from error


def _plan(changes: dict[str, Any]) -> Plan:
    """The default plan with changes, also inside ``shadow`` and ``canary``."""
    plan = msgspec.to_builtins(Plan())
    for name, value in changes.items():
        inner = isinstance(value, dict) and isinstance(plan.get(name), dict)
        plan[name] = {**plan[name], **value} if inner else value
    try:
        return msgspec.convert(plan, Plan)
    except msgspec.ValidationError as error:
        raise MalformedMessage(
            f"the plan is wrong: {error}", hint=f"It has {', '.join(sorted(plan))}"
        ) from error


def _json(answer: Status | History) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
