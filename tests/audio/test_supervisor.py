from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.audio.devices import Device
from speechsearch.audio.source import SourceNotice
from speechsearch.audio.supervisor import (
    CaptureSupervisor,
    Close,
    Look,
    Open,
    SupervisorOptions,
)

DESK = Device(0, "Desk microphone", 2, 48_000, True, "desk")
HEADSET = Device(1, "Headset", 1, 16_000, False, "headset")
NARROW = replace(HEADSET, rate_hz=8_000)


def default(*devices):
    """The devices, the first as the default."""
    return [replace(device, is_default=not n) for n, device in enumerate(devices)]


@dataclass
class Shell:
    """Does what it is told in a world of devices that come and go."""

    supervisor: CaptureSupervisor
    devices: list = field(default_factory=lambda: default(DESK, HEADSET))
    refusing: bool = False
    dead: bool = False
    now_s: float = 0.0
    asleep_s: float = 0.0
    open: Device | None = None
    opens: int = 0
    said: list = field(default_factory=list)

    def do(self, actions):
        for action in actions:
            match action:
                case SourceNotice():
                    self.said.append(action)
                case Close():
                    assert self.open, "nothing is open"
                    self.open = None
                case Look(anew):
                    assert not (anew and self.open), "PortAudio would lose the stream"
                    self.do(self.supervisor.saw(self.devices, self.now_s))
                case Open(device):
                    assert not self.open, "one stream at a time"
                    self.opens += 1
                    if self.refusing or device not in self.devices:
                        self.do(self.supervisor.failed("it cannot be opened", self.now_s))
                    else:
                        self.open = device
                        self.do(self.supervisor.opened(self.now_s))

    def run(self, seconds, step_s=0.05):
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            if self.open and not self.dead:
                self.do(self.supervisor.heard(self.now_s))
            self.do(self.supervisor.passed(self.now_s, self.asleep_s))

    def plug(self, devices):
        self.devices = devices
        gone = self.open and self.open.source not in {device.source for device in devices}
        if gone:
            self.do(self.supervisor.finished(self.now_s))
        self.do(self.supervisor.changed())

    @property
    def kinds(self):
        return [notice.kind for notice in self.said]


def listening(wanted=None):
    shell = Shell(CaptureSupervisor(wanted))
    shell.do([Look(anew=False)])
    shell.run(1)
    return shell


def test_a_device_that_works_is_opened_once_and_nothing_is_said():
    shell = listening()
    shell.run(60)
    assert (shell.open.name, shell.opens, shell.said) == ("Desk microphone", 1, [])


def test_a_device_that_vanishes_is_waited_for_and_its_return_is_said():
    shell = listening("desk")
    shell.plug(default(HEADSET))
    shell.run(30)
    assert shell.kinds == ["lost"]
    assert "waiting" in shell.said[0].message
    shell.plug(default(DESK, HEADSET))
    shell.run(1)
    assert shell.kinds == ["lost", "returned"]


def test_without_a_wish_the_other_microphone_takes_over():
    shell = listening()
    shell.plug(default(HEADSET))
    shell.run(1)
    assert shell.kinds == ["lost", "changed"]
    assert shell.open.source == "headset"


def test_a_new_default_is_followed_unless_a_device_was_wished_for():
    for wanted, now in ((None, "headset"), ("Desk", "desk")):
        shell = listening(wanted)
        shell.plug(default(HEADSET, DESK))
        shell.run(1)
        assert shell.open.source == now
        assert shell.kinds == (["changed"] if wanted is None else [])


def test_a_headset_that_falls_to_telephone_quality_is_opened_anew_and_warned_of():
    shell = listening("headset")
    shell.plug(default(DESK, NARROW))
    shell.run(1)
    assert shell.open.rate_hz == 8_000
    assert shell.kinds == ["changed", "narrow"]
    assert "8000 Hz" in shell.said[-1].message


def test_a_device_that_delivers_nothing_is_given_up_and_tried_again():
    shell = listening()
    shell.dead = True
    shell.run(3)
    assert shell.kinds == ["lost"]
    assert "no sound" in shell.said[0].message
    shell.dead = False
    shell.run(6)
    assert shell.kinds == ["lost", "returned"]


def test_a_program_that_stalls_does_not_take_the_device_for_dead():
    shell = listening()
    for _ in range(5):
        shell.now_s += 10
        shell.do(shell.supervisor.passed(shell.now_s))
        shell.run(1)
    assert (shell.said, shell.opens) == ([], 1)


def test_after_a_sleep_of_the_machine_the_stream_is_opened_anew():
    shell = listening()
    shell.asleep_s += 7200
    shell.run(1)
    assert shell.kinds == ["asleep"]
    assert "2.0 h" in shell.said[0].message
    assert (shell.open, shell.opens) == (DESK, 2)


def test_mute_is_said_when_it_begins_when_it_ends_and_when_it_was_there():
    muted = [replace(DESK, muted=True)]
    shell = listening()
    shell.plug(muted)
    shell.plug([DESK])
    assert shell.kinds == ["muted", "unmuted"]
    assert "pactl set-source-mute desk 0" in shell.said[0].message
    late = Shell(CaptureSupervisor(None), muted)
    late.do([Look(anew=False)])
    late.run(1)
    assert late.kinds == ["muted"]


def test_many_overruns_are_one_notice_for_a_while():
    supervisor = CaptureSupervisor(None)
    said = [action for now in range(25) for action in supervisor.overran(float(now))]
    assert [notice.kind for notice in said] == ["overrun"] * 3


def test_what_cannot_be_opened_is_tried_ever_more_seldom_and_said_once():
    shell = Shell(CaptureSupervisor(None), refusing=True)
    shell.do([Look(anew=False)])
    shell.run(60)
    assert shell.kinds == ["lost"]
    assert 8 <= shell.opens <= 20
    for _ in range(50):
        shell.do(shell.supervisor.changed())
    assert shell.opens <= 20


WORLDS = st.sampled_from(
    [default(), default(DESK), default(HEADSET), default(DESK, HEADSET), default(HEADSET, DESK),
     default(NARROW, DESK), default(replace(DESK, muted=True))]
)  # fmt: skip
HAPPENINGS = st.one_of(
    st.tuples(st.just("plug"), WORLDS),
    st.tuples(st.just("run"), st.floats(0.05, 8)),
    st.tuples(st.just("sleep"), st.floats(0.1, 9999)),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("die"), st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([None, "headset"]), st.lists(HAPPENINGS, max_size=25))
def test_whatever_happens_it_listens_again_once_the_world_is_well(wanted, happenings):
    shell = listening(wanted)
    for what, how in happenings:
        match what:
            case "plug":
                shell.plug(how)
            case "run":
                shell.run(how)
            case "sleep":
                shell.asleep_s += how
            case "refuse":
                shell.refusing = how
            case "die":
                shell.dead = how
    shell.refusing = shell.dead = False
    shell.plug(default(DESK, HEADSET))
    shell.run(SupervisorOptions().last_retry_s + 3)
    assert shell.open
    assert shell.open.source == (wanted or "desk")
    before = len(shell.said), shell.opens
    shell.run(30)
    assert (len(shell.said), shell.opens) == before
    outages = [kind for kind in shell.kinds if kind in ("lost", "returned", "changed")]
    assert not outages or outages[-1] in ("returned", "changed")
