"""A real server, real sessions, and a rollout on it; killed at each step."""

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Thread

import httpx
import numpy as np
import pytest

from speechsearch.audio.player import read_audio
from speechsearch.rollout.registry import Registry
from speechsearch.types import ms_to_samples
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message
from tests.server.test_sockets import frames, greeted, until
from tests.serving import ROOT, serving, start

ADMIN = "an administrator's token"
QUIET = ms_to_samples(400)
QUICK = {"shadow_share": 10_000, "shadow_hold_s": 0, "canary_hold_s": 0, "warm_s": 3600}
LENIENT = [{"name": "empty", "higher_is_better": False, "tolerated": 0.5, "margin": 0.9}]
JUDGE = {"metrics": LENIENT, "alpha": 0.05, "beta": 0.5, "fewest_sessions": 1, "fewest_to_fail": 2}
STAY = {**QUICK, "shadow_hold_s": 3600, "canary_hold_s": 3600, "shadow": JUDGE, "canary": JUDGE}
OTHER = {"search": {"limit": 1}}


@pytest.fixture(scope="module")
def spoken(fixtures):
    query = fixtures.queries[2]
    return query, np.concatenate([read_audio(query.path), np.zeros(QUIET, np.float32)])


@pytest.fixture
def house(tmp_path, fixtures):
    """The environment of a server with rollouts, and a short golden table."""
    rows = [(one.path, one.text, one.item) for one in (*fixtures.queries[:2], fixtures.empty[0])]
    table = tmp_path / "golden.tsv"
    lines = ["path\ttext\titem", *("\t".join(map(str, row)) for row in rows)]
    table.write_text("\n".join(lines) + "\n")
    return {
        "SPEECHSEARCH_ROLLOUT__TOKEN": ADMIN,
        "SPEECHSEARCH_ROLLOUT__FOLDER": str(tmp_path / "versions"),
        "SPEECHSEARCH_ROLLOUT__GOLDEN": str(table),
        "SPEECHSEARCH_ROLLOUT__TICK_S": "0.1",
    }


class Admin:
    def __init__(self, server, token=ADMIN):
        self._url = f"{server.http}/v1/rollout"
        self._said = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 60}

    def status(self):
        return httpx.get(self._url, **self._said).raise_for_status().json()

    def metrics(self):
        return httpx.get(self._url.replace("/v1/rollout", "/metrics")).text

    def history(self):
        return httpx.get(f"{self._url}/history", **self._said).raise_for_status().json()

    def post(self, verb, **body):
        return httpx.post(f"{self._url}/{verb}", json={"who": "me", **body}, **self._said)

    def dare(self, verb):
        """Ask it of a server that may be dead before it has answered."""
        with suppress(httpx.TransportError):
            self.post(verb)

    def begin(self, plan, changes=OTHER):
        answer = self.post("start", changes=changes, plan=plan)
        assert answer.status_code == 200, answer.text

    def until_judged(self, champion, challenger):
        """Sessions count when they are over, which is a little after they said so."""
        for _ in range(600):
            status = self.status()
            judged = status["champion_sessions"], status["challenger_sessions"]
            if judged >= (champion, challenger) and judged[1] >= challenger:
                return status
            time.sleep(0.05)
        raise AssertionError(f"only {judged} were judged")

    def until(self, *places):
        for _ in range(1200):
            status = self.status()
            if status["place"] in places:
                return status
            time.sleep(0.05)
        raise AssertionError(f"not {places} but still {status}")

    def shadows(self):
        """How many utterances the challenger has heard too, and how many it has not."""
        said = self.metrics()
        name = 'speechsearch_shadow_utterances_total{outcome="%s"} '
        return [
            float(said.split(name % outcome)[1].split(maxsplit=1)[0])
            for outcome in ("heard", "dropped")
        ]

    def until_shadowed(self, before):
        """The challenger has heard one more, or what was to spare did not reach; whether it has."""
        for _ in range(1200):
            heard, _ = now = self.shadows()
            if now != before:
                return heard > before[0]
            time.sleep(0.05)
        raise AssertionError(f"no shadow after {before}: {self.status()}")


@contextmanager
def administered(house):
    with serving(**house) as server:
        yield server, Admin(server)


@asynccontextmanager
async def session(server, spoken):
    """A session that has asked for one thing, and its answer."""
    _, sound = spoken
    async with greeted(server) as socket:
        yield socket, await ask(socket, sound)
        await socket.send(encode_message(m.Bye()))
        await socket.wait_closed()


async def ask(socket, sound, utterance=1, first=0):
    end = first + len(sound) - QUIET
    await socket.send(encode_message(m.SpeechStart(utterance=utterance, start_sample=first)))
    for frame in frames(sound, utterance, first):
        await socket.send(frame)
    await socket.send(encode_message(m.Pause(utterance=utterance, sample=end)))
    await socket.send(encode_message(m.SpeechEnd(utterance=utterance, end_sample=end)))
    return await until(socket, "final")


def limit_of(final):
    """How many hits an answer may have tells who gave it: ten the champion, one the challenger."""
    return 1 if len(final["hits"]) == 1 else 10


CHALLENGED = {1: "challenger", 10: "champion"}
"""The arm that an answer names while both are judged"""


async def speak(server, spoken, sessions=1):
    limits = []
    for _ in range(sessions):
        async with session(server, spoken) as (_, final):
            limits.append(limit_of(final))
    return limits


async def speak_with_a_shadow(server, admin, spoken):
    """Sessions until the challenger has heard one too, which it need not; how many that took."""
    sessions, heard = 0, False
    while not heard:
        before = admin.shadows()
        assert await speak(server, spoken) == [10], "a shadow is never shown"
        sessions, heard = sessions + 1, admin.until_shadowed(before)
    return sessions


def test_nobody_without_the_administrators_token_may_see_or_do_anything(house):
    with administered(house) as (server, admin):
        stranger = Admin(server, "a guess")
        assert stranger.post("start", changes=OTHER).status_code == 401
        assert stranger.post("rollback").status_code == 401
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            stranger.status()
        assert admin.status()["phase"] == "idle"
        assert admin.post("rollback").status_code == 409
        assert admin.post("start").status_code == 400
        assert admin.post("start", changes={"asr": {"model": "none"}}).status_code == 400
        assert admin.post("start", changes=OTHER, plan={"shadw": 1}).status_code == 400
        assert admin.post("start", version="v-0123456789ab").status_code == 404
        assert admin.status()["challenger"] == ""


def test_a_server_without_a_token_has_no_rollouts(server):
    assert Admin(server).post("start", changes=OTHER).status_code == 404


async def test_a_version_comes_in_step_by_step_and_a_session_keeps_its_arm(house, spoken):
    plan = {**STAY, "shadow_hold_s": 0, "canary_shares": [5_000, 10_000]}
    with administered(house) as (server, admin):
        admin.begin(plan)
        admin.until("shadow")
        await speak_with_a_shadow(server, admin, spoken)
        admin.until("canary 50 %")
        status = admin.status()
        assert status["compared"]["utterances"] >= 1
        said = admin.metrics()
        assert 'speechsearch_rollout_share{arm="challenger"} 0.5' in said
        assert 'speechsearch_rollout_phase{phase="canary"} 1.0' in said
        assert 'speechsearch_shadow_utterances_total{outcome="heard"} 1.0' in said
        limits = await speak(server, spoken, 8)
        assert set(limits) == {1, 10}
        assert admin.status()["met"] == limits.count(1)
        async with greeted(server) as socket:
            _, sound = spoken
            final = await ask(socket, sound)
            first = limit_of(final)
            assert final["arm"] == CHALLENGED[first]
            again = limit_of(await ask(socket, sound, 2, len(sound)))
            assert again == first
            while first == 10 and await speak(server, spoken) != [1]:
                pass  # until the challenger has answered somebody
            assert admin.post("promote").status_code == 200
            assert admin.status()["shares"]["challenger"] == 1
            assert limit_of(await ask(socket, sound, 3, 2 * len(sound))) == 1


async def test_shares_that_change_do_not_move_a_session_in_mid_utterance(house, spoken):
    _, sound = spoken
    plan = {**STAY, "shadow_hold_s": 0, "canary_shares": [10_000]}
    with administered(house) as (server, admin):
        admin.begin(plan)
        admin.until("shadow")
        await speak_with_a_shadow(server, admin, spoken)
        admin.until("canary 100 %")
        async with greeted(server) as socket:
            await socket.send(encode_message(m.SpeechStart(utterance=1, start_sample=0)))
            pieces = list(frames(sound, 1, 0))
            for frame in pieces[: len(pieces) // 2]:
                await socket.send(frame)
            await until(socket, "ack")
            assert admin.post("rollback", why="in the middle").json()["phase"] == "idle"
            for frame in pieces[len(pieces) // 2 :]:
                await socket.send(frame)
            end = m.SpeechEnd(utterance=1, end_sample=len(sound) - QUIET)
            await socket.send(encode_message(end))
            assert limit_of(await until(socket, "final")) == 1, "its version ends what it began"
            assert limit_of(await ask(socket, sound, 2, len(sound))) == 10
        (incident,) = admin.history()["incidents"]
        assert incident["reason"] == "in the middle"
        assert incident["met"] == 1


async def test_a_switch_is_taken_back_at_once_and_the_old_version_answers_as_before(house, spoken):
    with administered(house) as (server, admin):
        async with session(server, spoken) as (socket, before):
            assert limit_of(before) == 10
            admin.begin({"switch": True})
            champion = admin.until("warm")["champion"]
            _, sound = spoken
            assert limit_of(await ask(socket, sound, 2, len(sound))) == 1
            back = admin.post("rollback").json()
            assert back["champion"] not in ("", champion)
            assert limit_of(await ask(socket, sound, 3, 2 * len(sound))) == 10


LISTENED_TO = encode_message(m.Hello(protocol=m.PROTOCOL, vad="server"))
A_SECOND = np.zeros(16_000, np.float32)


async def pre_roll_ms(socket):
    """Of the utterance that the server finds next: it tells whose ears have found it."""
    while True:
        told = await until(socket, "vad")
        if told["state"] == "speech":
            return (told["sample"] - told["start_sample"]) / 16


async def test_a_vad_setting_that_is_rolled_out_cuts_what_begins_later_and_nothing_begun_before(
    house, spoken
):
    sound = np.concatenate([A_SECOND, spoken[1], A_SECOND])
    pieces = list(frames(sound, 0, 0))
    with administered(house) as (server, admin):
        async with greeted(server, LISTENED_TO) as socket:
            for piece in pieces[: len(pieces) // 2]:
                await socket.send(piece)
            assert await pre_roll_ms(socket) == 300
            admin.begin({"switch": True}, {"vad": {"pre_roll_ms": 96}})
            admin.until("warm")
            for piece in pieces[len(pieces) // 2 :]:
                await socket.send(piece)
            await socket.send(encode_message(m.Flush()))
            assert (await until(socket, "final"))["utterance"] == 1, "it is not cut in two"
            for piece in frames(sound, 0, len(sound)):
                await socket.send(piece)
            assert await pre_roll_ms(socket) == 96, "what begins later is found by others"
        async with greeted(server, LISTENED_TO) as socket:
            for piece in pieces:
                await socket.send(piece)
            assert await pre_roll_ms(socket) == 96
            admin.post("rollback")
        async with greeted(server, LISTENED_TO) as socket:
            for piece in pieces:
                await socket.send(piece)
            assert await pre_roll_ms(socket) == 300


def test_a_version_that_gets_golden_utterances_wrong_meets_nobody(house, broken):
    with administered(house) as (_, admin):
        admin.begin(QUICK, {"asr": {"model": str(broken)}})
        status = admin.until("idle")
        assert status["challenger"] == ""
        (incident,) = admin.history()["incidents"]
        assert "golden utterances: word error rate 1.00" in incident["reason"]
        assert incident["place"] == "proving"
        assert incident["met"] == 0


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """The model with its encoder's weights shuffled."""
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))
    from rollout_models import disturbed_folder, shuffled

    return disturbed_folder(shuffled, tmp_path / "broken")


class Mortal:
    """A server that may be killed, and comes back at the same port."""

    def __init__(self, house):
        self._house = house
        self._begin(start(**house))

    def _begin(self, server):
        self.server, self.admin = server, Admin(server)
        try:
            server.wait_until_ready()
        except BaseException:
            server.kill()
            raise

    def die_and_come_back(self):
        self.server.kill()
        self.server.process.stderr.close()
        self._begin(start(port=self.server.port, **self._house))


@pytest.fixture
def mortal(house, request):
    house.update(getattr(request, "param", {}))
    living = Mortal(house)
    yield living
    living.server.stop()


SAME = ("place", "rollout", "since_s", "shares", "champion", "challenger", "paused",
        "champion_sessions", "challenger_sessions", "evidence", "met")  # fmt: skip


def same(status):
    return {name: status[name] for name in SAME}


async def speak_until(server, spoken, limits):
    """Sessions until all of these limits were met."""
    met = set()
    while met != limits:
        met |= set(await speak(server, spoken))


@pytest.mark.parametrize(
    "mortal", [{"SPEECHSEARCH_ROLLOUT__TICK_S": "60"}], indirect=True, ids=["only people go on"]
)
async def test_a_server_that_is_killed_comes_back_in_the_same_step_with_the_same_shares(
    mortal, spoken
):
    mortal.admin.begin({**STAY, "crashes": 100, "canary_shares": [5_000, 10_000]})
    assert mortal.admin.status()["place"] == "proving"
    mortal.die_and_come_back()
    assert mortal.admin.status()["place"] == "proving", "it proves itself anew"
    mortal.admin.until("shadow")
    for place, sessions, limits in (
        ("shadow", (1, 1), {10}),
        ("canary 50 %", (1, 1), {1, 10}),
        ("canary 100 %", (0, 1), {1}),
        ("warm", (0, 0), {1}),
    ):
        assert mortal.admin.status()["place"] == place
        if place == "shadow":
            await speak_with_a_shadow(mortal.server, mortal.admin, spoken)
        else:
            await speak_until(mortal.server, spoken, limits)
        before = same(mortal.admin.until_judged(*sessions))
        mortal.die_and_come_back()
        assert same(mortal.admin.status()) == before
        await speak_until(mortal.server, spoken, limits)
        if place != "warm":
            assert mortal.admin.post("promote").status_code == 200, mortal.admin.status()
    rolled_back = same(mortal.admin.post("rollback").json())
    mortal.die_and_come_back()
    assert same(mortal.admin.status()) == rolled_back
    assert await speak(mortal.server, spoken) == [10]


SWITCH = {"switch": True, "crashes": 100, "crash_window_s": 3600, "warm_s": 3600}


async def test_a_server_that_is_killed_around_a_switch_is_on_one_side_of_it_and_both_answer(
    mortal, spoken, tmp_path
):
    registry = Registry(tmp_path / "versions")
    mortal.admin.begin(SWITCH)
    old, new = (mortal.admin.status()[name] for name in ("champion", "challenger"))
    sides = {"warm": (new, old, [1]), "idle": (old, "", [10])}
    mortal.die_and_come_back()
    assert mortal.admin.status()["place"] == "proving", "it has proved nothing yet"
    for after_s in (0.0, 0.002, 0.005, 0.02):
        if mortal.admin.status()["place"] == "idle":
            mortal.admin.begin(SWITCH)
        mortal.admin.until("warm")
        back = Thread(target=mortal.admin.dare, args=("rollback",))
        back.start()
        await asyncio.sleep(after_s)
        mortal.die_and_come_back()
        back.join()
        status = mortal.admin.status()
        champion, other, limits = sides[status["place"]]
        assert (status["champion"], status["challenger"]) == (champion, other)
        assert status["shares"] == {"champion": 1.0, "challenger": 0.0, "shadow": 0.0}
        assert registry.champion == champion
        assert await speak(mortal.server, spoken) == limits


def test_a_challenger_that_takes_the_server_down_again_and_again_is_thrown_out(mortal):
    mortal.admin.begin({**STAY, "crashes": 2, "crash_window_s": 3600})
    mortal.admin.until("shadow")
    for place in ("shadow", "idle"):
        mortal.die_and_come_back()
        assert mortal.admin.status()["place"] == place
    (incident,) = mortal.admin.history()["incidents"]
    assert incident["reason"] == "crash loop: 2 crashes"
