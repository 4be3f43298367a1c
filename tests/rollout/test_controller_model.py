"""Whatever happens, in whatever order: what must always hold of a rollout."""

from contextlib import suppress

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from speechsearch.errors import IllegalTransition
from speechsearch.rollout import controller
from speechsearch.rollout.judge import JudgeOptions, Metric, Verdict
from speechsearch.rollout.router import PARTS, Arm
from speechsearch.rollout.state import Phase, Plan, State

SLOW = Metric("slow", higher_is_better=False, tolerated=0.02, margin=0.6)
FEWEST = 4
JUDGED = JudgeOptions((SLOW,), alpha=0.3, beta=0.3, fewest_sessions=FEWEST, fewest_to_fail=2)
PLAN = Plan(shadow_hold_s=60, canary_hold_s=60, warm_s=100, shadow=JUDGED, canary=JUDGED)
RUNNING = (Phase.PROVING, Phase.SHADOW, Phase.CANARY)


class Rollouts(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.state, self.now_s, self.versions = State(), 0.0, 0

    def decided(self, decision):
        before, after = self.state, decision.state
        if after.phase is Phase.CANARY and (after.step, before.phase) != (before.step, after.phase):
            self.went_on(before)
        if after.phase is Phase.WARM and before.phase is not Phase.WARM:
            assert before.last_step
            self.went_on(before)
            assert (after.champion, after.other) == (before.other, before.champion)
        if decision.incident:
            assert after.phase is Phase.IDLE
            assert after.champion != decision.incident.version
        if before.champion != after.champion and before.champion:
            assert after.champion == before.other, "only a loaded version can take over"
        self.state = after

    def went_on(self, before):
        """No promotion without samples, and never of what has failed."""
        assert before.judge.challenger_sessions >= FEWEST
        assert before.last_step or before.judge.champion_sessions >= FEWEST
        assert before.judge.verdict is not Verdict.FAIL

    @initialize()
    def first(self):
        self.decided(controller.install(self.state, "first", 0.0, "me"))

    @precondition(lambda self: self.state.phase in (Phase.IDLE, Phase.WARM))
    @rule()
    def start(self):
        self.versions += 1
        version = f"version-{self.versions}"
        self.decided(controller.start(self.state, version, PLAN, self.now_s, "me"))

    @precondition(lambda self: self.state.phase is Phase.PROVING)
    @rule(faults=st.sampled_from(["", "", "", "wrong"]))
    def prove(self, faults):
        self.decided(controller.proved(self.state, faults, self.now_s))

    @rule(slow=st.sampled_from([0.0, 0.0, 0.0, 1.0]), sessions=st.sampled_from([1, 3, 12]))
    def hear(self, slow, sessions):
        rollout, good, other = self.state.rollout, {"slow": 0.0}, {"slow": slow}
        for _ in range(sessions):
            self.state = controller.heard_by_both(self.state, rollout, good, other)
            self.state = controller.answered(self.state, rollout, Arm.CHALLENGER, other)
            self.state = controller.answered(self.state, rollout, Arm.CHAMPION, good)

    @rule(seconds=st.sampled_from([5, 61, 101]))
    def wait(self, seconds):
        self.now_s += seconds
        self.decided(controller.tick(self.state, self.now_s))

    @precondition(lambda self: self.state.phase in (Phase.SHADOW, Phase.CANARY))
    @rule(steps=st.sampled_from([1, 3, 7]))
    def go_well(self, steps):
        """Without it the way to the switch is too long to be found by chance."""
        for _ in range(steps):
            self.hear(0.0, 12)
            self.wait(61)

    @rule()
    def crash(self):
        self.decided(controller.crashed(self.state, self.now_s))

    @rule(what=st.sampled_from(["pause", "resume", "promote"]))
    def person(self, what):
        with suppress(IllegalTransition):
            self.decided(getattr(controller, what)(self.state, self.now_s, "me"))

    @precondition(lambda self: self.state.phase is not Phase.IDLE)
    @rule()
    def roll_back(self):
        self.decided(controller.rollback(self.state, self.now_s, "me", "no reason"))
        assert self.state.phase is Phase.IDLE

    @invariant()
    def shares_sum_to_one(self):
        shares = self.state.shares
        assert shares.champion + shares.challenger + shares.shadow == PARTS
        assert min(shares.by_arm.values()) >= 0

    @invariant()
    def there_is_exactly_one_champion(self):
        if self.state.phase is not Phase.IDLE or self.versions or self.state.blue:
            assert self.state.champion
            assert self.state.champion != self.state.other

    @invariant()
    def only_a_running_canary_answers_anybody(self):
        assert (self.state.shares.challenger > 0) == (self.state.phase is Phase.CANARY)

    @invariant()
    def a_rollback_is_always_in_reach_and_ends_with_the_champion_of_before(self):
        if self.state.phase in RUNNING:
            back = controller.rollback(self.state, self.now_s, "me", "try").state
            assert (back.phase, back.champion) == (Phase.IDLE, self.state.champion)
        if self.state.phase is Phase.WARM:
            back = controller.rollback(self.state, self.now_s, "me", "try").state
            assert (back.phase, back.champion) == (Phase.IDLE, self.state.other)

    @invariant()
    def what_is_kept_is_what_is_read_back(self):
        assert msgspec.json.decode(msgspec.json.encode(self.state), type=State) == self.state


Rollouts.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestRollouts = Rollouts.TestCase
