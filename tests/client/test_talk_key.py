from hypothesis import given
from hypothesis import strategies as st

from speechsearch.client.talk_key import FIRST_REPEAT_S, REPEAT_S, TalkKey

FRAME_S = 0.05


class Keyboard:
    """Presses a key at instants and looks at the time in between, as the terminal view does."""

    def __init__(self):
        self.key, self.now_s = TalkKey(), 100.0

    def wait(self, seconds):
        end_s = self.now_s + seconds
        while self.now_s + FRAME_S < end_s:
            self.now_s += FRAME_S
            self.key.passed(self.now_s)
        self.now_s = end_s
        self.key.passed(self.now_s)

    def tap(self):
        self.key.press(self.now_s)

    def hold(self, seconds, first_s, every_s):
        self.tap()
        if seconds > first_s:
            self.wait(first_s)
            for _ in range(round((seconds - first_s) / every_s)):
                self.tap()
                self.wait(every_s)


def test_a_tap_begins_and_the_next_ends():
    keyboard = Keyboard()
    keyboard.tap()
    keyboard.wait(30)
    assert keyboard.key.talking
    keyboard.tap()
    assert not keyboard.key.talking
    keyboard.wait(1)
    keyboard.tap()
    assert keyboard.key.talking


@given(st.floats(1.0, 20), st.floats(0.2, FIRST_REPEAT_S - 0.05), st.floats(0.03, 0.2))
def test_a_key_held_down_talks_until_it_is_let_go(seconds, first_s, every_s):
    keyboard = Keyboard()
    keyboard.hold(seconds, first_s, every_s)
    assert keyboard.key.talking
    let_go_s = keyboard.now_s
    keyboard.wait(REPEAT_S + 2 * FRAME_S)
    assert not keyboard.key.talking
    assert let_go_s - every_s <= keyboard.key.pressed_s <= let_go_s
    keyboard.wait(10)
    assert not keyboard.key.talking


@given(st.lists(st.tuples(st.booleans(), st.floats(0.05, 3)), max_size=30))
def test_whatever_is_pressed_a_tap_after_a_quiet_while_still_changes_it(presses):
    keyboard = Keyboard()
    for pressed, seconds in presses:
        if pressed:
            keyboard.tap()
        keyboard.wait(seconds)
    keyboard.wait(2)
    before = keyboard.key.talking
    keyboard.tap()
    assert keyboard.key.talking is not before


def test_the_repeats_of_the_key_that_ended_a_talk_begin_none():
    keyboard = Keyboard()
    keyboard.tap()
    keyboard.wait(5)
    keyboard.hold(0.2, 0.1, 0.03)
    assert not keyboard.key.talking


def test_a_program_that_stalls_does_not_take_the_key_for_let_go():
    keyboard = Keyboard()
    keyboard.hold(2, 0.5, 0.04)
    for _ in range(3):
        keyboard.now_s += 5
        keyboard.key.passed(keyboard.now_s)
        keyboard.hold(1, 0.04, 0.04)
    assert keyboard.key.talking
