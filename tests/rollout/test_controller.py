import msgspec
import pytest

from speechsearch.errors import IllegalTransition
from speechsearch.rollout import controller
from speechsearch.rollout.comparison import Compared
from speechsearch.rollout.judge import JudgeOptions, Metric
from speechsearch.rollout.router import PARTS, Arm, Shares
from speechsearch.rollout.state import Colour, Phase, Plan, State

SLOW = Metric("slow", higher_is_better=False, tolerated=0.02, margin=0.5)
PLAN = Plan(
    shadow_hold_s=60, canary_hold_s=60, warm_s=100,
    shadow=JudgeOptions((SLOW,), alpha=0.05, beta=0.05, fewest_sessions=20),
    canary=JudgeOptions((SLOW,), alpha=0.05, beta=0.05, fewest_sessions=20),
)  # fmt: skip
GOOD, BAD = {"slow": 0.0}, {"slow": 1.0}
ME = "somebody"


def idle():
    return controller.install(State(), "old", 0, ME).state


def proving():
    return controller.start(idle(), "new", PLAN, 0, ME).state


def shadowed():
    return controller.proved(proving(), "", 0).state


def hear(state, challenger=GOOD, sessions=30):
    for _ in range(sessions):
        state = controller.heard_by_both(state, state.rollout, GOOD, challenger)
        state = controller.answered(state, state.rollout, Arm.CHALLENGER, challenger)
        if not state.last_step:
            state = controller.answered(state, state.rollout, Arm.CHAMPION, GOOD)
    return state


def through(state, now_s=0.0):
    """Good sessions until the pointer is switched."""
    while state.phase is not Phase.WARM:
        now_s += 60
        state = controller.tick(hear(state), now_s).state
    return state, now_s


def test_a_good_version_goes_all_the_way_by_itself():
    places, state, now_s = [], shadowed(), 0.0
    while state.phase is not Phase.IDLE:
        now_s += 100
        decision = controller.tick(hear(state), now_s)
        state = decision.state
        assert decision.transition.after == state.place
        places.append(state.place)
    steps = ["canary 5 %", "canary 10 %", "canary 25 %", "canary 50 %", "canary 100 %"]
    assert places == [*steps, "warm", "idle"]
    assert (state.champion, state.other) == ("new", "")


def test_time_alone_never_moves_it_nor_do_sessions_alone():
    state = shadowed()
    assert controller.tick(state, 1e6).state == state
    heard = hear(state)
    assert controller.tick(heard, 59).state == heard
    assert controller.tick(heard, 60).state.phase is Phase.CANARY


def test_a_bad_one_is_thrown_out_at_the_next_tick_with_the_evidence():
    failed = hear(shadowed(), BAD)
    decision = controller.tick(failed, 5)
    assert decision.state.phase is Phase.IDLE
    assert (decision.state.champion, decision.state.other) == ("old", "")
    assert decision.state.shares == Shares()
    incident = decision.incident
    assert (incident.version, incident.place) == ("new", "shadow")
    assert incident.reason == "worse than the champion: slow"
    assert incident.evidence[0].log_evidence > incident.evidence[0].log_needed
    assert decision.transition.version == "new"


def test_one_that_is_bad_only_live_is_thrown_out_of_the_canary():
    state = controller.tick(hear(shadowed()), 60).state
    decision = controller.tick(hear(state, BAD), 61)
    assert decision.incident.place == "canary 5 %"
    assert decision.incident.shares == Shares(challenger=500)


def test_a_paused_one_stays_but_still_fails():
    paused = controller.pause(shadowed(), 1, ME).state
    assert controller.tick(hear(paused), 1000).state.phase is Phase.SHADOW
    assert controller.tick(hear(paused, BAD), 1000).state.phase is Phase.IDLE
    resumed = controller.resume(hear(paused), 1000, ME).state
    assert controller.tick(resumed, 1001).state.phase is Phase.CANARY


def test_a_pause_while_it_proves_itself_holds_on_in_the_shadow():
    paused = controller.pause(proving(), 1, ME).state
    proved = controller.proved(paused, "", 2).state
    assert (proved.phase, proved.paused) == (Phase.SHADOW, True)
    assert controller.tick(hear(proved), 1000).state.phase is Phase.SHADOW


def test_a_person_may_shorten_the_wait_but_not_do_without_sessions():
    with pytest.raises(IllegalTransition, match="not enough sessions"):
        controller.promote(shadowed(), 1, ME)
    decision = controller.promote(hear(shadowed()), 1, ME)
    assert decision.state.place == "canary 5 %"
    assert decision.transition.who == ME


def test_what_fails_cannot_be_promoted_by_hand_either():
    with pytest.raises(IllegalTransition, match="not enough sessions to go on"):
        controller.promote(hear(shadowed(), BAD), 1, ME)


def test_golden_utterances_gone_wrong_end_it_before_anybody_hears_it():
    decision = controller.proved(proving(), "3 of 12 are wrong", 5)
    assert decision.state.phase is Phase.IDLE
    assert "3 of 12 are wrong" in decision.incident.reason


def test_a_crash_loop_is_three_crashes_in_a_minute_not_three_in_an_hour():
    state = shadowed()
    for now_s in (0, 1000, 2000, 3000):
        state = controller.crashed(state, now_s).state
    assert state.phase is Phase.SHADOW
    state = controller.crashed(state, 3010).state
    decision = controller.crashed(state, 3020)
    assert decision.incident.reason == "crash loop: 3 crashes"
    assert decision.state.phase is Phase.IDLE


def test_the_switch_is_one_pointer_and_goes_back_in_one():
    warm, now_s = through(shadowed())
    assert (warm.live, warm.champion, warm.other) == (Colour.GREEN, "new", "old")
    decision = controller.rollback(warm, now_s + 1, ME, "people complain")
    back = decision.state
    assert (back.live, back.champion, back.other) == (Colour.BLUE, "old", "")
    assert decision.incident.version == decision.transition.version == "new"


def test_the_old_one_is_kept_warm_and_then_let_go():
    warm, now_s = through(shadowed())
    assert controller.tick(warm, now_s + 99).state == warm
    assert controller.tick(warm, now_s + 100).state.other == ""


def test_a_champion_that_crashes_while_the_old_one_is_warm_is_replaced():
    state, now_s = through(shadowed())
    for _ in range(3):
        state = controller.crashed(state, now_s).state
    assert state.champion == "old"


def test_results_of_another_rollout_do_not_count():
    state = shadowed()
    assert controller.heard_by_both(state, "another", GOOD, BAD) == state
    assert controller.answered(state, state.rollout, Arm.CHALLENGER, BAD) == state


def test_what_cannot_follow_has_a_name():
    wrong = [
        lambda: controller.install(idle(), "x", 0, ME),
        lambda: controller.start(State(), "x", PLAN, 0, ME),
        lambda: controller.start(idle(), "old", PLAN, 0, ME),
        lambda: controller.start(shadowed(), "x", PLAN, 0, ME),
        lambda: controller.proved(shadowed(), "", 0),
        lambda: controller.pause(idle(), 0, ME),
        lambda: controller.resume(shadowed(), 0, ME),
        lambda: controller.promote(idle(), 0, ME),
        lambda: controller.promote(proving(), 0, ME),
        lambda: controller.rollback(idle(), 0, ME, "why"),
        lambda: Plan(canary_shares=(500, 100, PARTS)),
        lambda: Plan(canary_shares=(500,)),
        lambda: Plan(shadow_share=0),
    ]
    for attempt in wrong:
        with pytest.raises(IllegalTransition):
            attempt()


def test_a_switch_goes_from_the_proof_to_everybody_and_back_at_once():
    plan = Plan(switch=True)
    state = controller.start(idle(), "new", plan, 0, ME).state
    switched = controller.proved(state, "", 5).state
    assert (switched.phase, switched.champion, switched.other) == (Phase.WARM, "new", "old")
    back = controller.rollback(switched, 6, ME, "by hand")
    assert (back.state.champion, back.state.other) == ("old", "")
    assert back.incident.version == "new"
    unproved = controller.proved(state, "they are wrong", 5)
    assert (unproved.state.champion, unproved.state.phase) == ("old", Phase.IDLE)


def test_an_old_version_is_let_go_only_while_it_is_warm():
    with pytest.raises(IllegalTransition, match="no old version is warm"):
        controller.let_go(shadowed(), 1, ME, "why not")


def test_an_incident_says_how_many_met_it_and_how_the_answers_differed():
    compared = Compared(utterances=2, words_differing=1.0, champion_ms=80)
    state = msgspec.structs.replace(shadowed(), seen=30, met=3, compared=compared)
    incident = controller.rollback(state, 1, ME, "by hand").incident
    assert (incident.seen, incident.met) == (30, 3)
    assert incident.compared["words_differing"] == 0.5
    again = controller.start(
        controller.rollback(state, 1, ME, "x").state, "newer", PLAN, 2, ME
    ).state
    assert (again.seen, again.met, again.compared) == (0, 0, Compared())
