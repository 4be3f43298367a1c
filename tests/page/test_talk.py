import contextlib

from tests.page.node import module

BLOCK = 512


@contextlib.contextmanager
def talk():
    with module("talk.js", "Talk", record=("send", "flush")) as subject:
        subject.heard = 0

        def hear(blocks):
            for _ in range(blocks):
                pcm = {"length": BLOCK}
                subject.call("hear", {"first": subject.heard * BLOCK, "pcm": pcm})
                subject.heard += 1

        subject.hear = hear
        yield subject


def sent(subject):
    """Numbers of the blocks that were sent, and ``flush`` between them."""
    return [
        "flush" if name == "flush" else args[0]["first"] // BLOCK
        for name, *args in subject.calls
    ]  # fmt: skip


def test_holding_sends_a_little_before_the_press_and_after_the_release():
    with talk() as subject:
        subject.hear(20)
        subject.call("press", 0)
        subject.hear(5)
        subject.call("release", 1000)
        assert subject.get("mode") == "tail"
        subject.hear(20)
        assert sent(subject) == [*range(10, 33), "flush"]
        assert subject.get("mode") == "off"


def test_a_tap_listens_hands_free_until_the_next():
    with talk() as subject:
        subject.call("press", 0)
        subject.call("release", 100)
        assert subject.get("mode") == "free"
        subject.hear(3)
        subject.call("press", 5000)
        subject.call("release", 5100)
        assert sent(subject) == [0, 1, 2, "flush"]
        assert subject.get("mode") == "off"


def test_who_lets_go_to_allow_the_microphone_is_heard_hands_free():
    with talk() as subject:
        subject.call("press", 0)
        subject.call("release", 4000, False)
        assert subject.get("mode") == "free"


def test_pressing_again_while_the_last_syllable_is_sent_goes_on_without_a_gap():
    with talk() as subject:
        subject.call("press", 0)
        subject.hear(2)
        subject.call("release", 1000)
        subject.hear(2)
        subject.call("press", 1100)
        subject.hear(2)
        assert sent(subject) == [0, 1, 2, 3, 4, 5]


def test_what_was_heard_before_the_microphone_was_closed_is_not_sent_later():
    with talk() as subject:
        subject.hear(5)
        subject.call("forget")
        subject.call("press", 0)
        subject.hear(1)
        assert sent(subject) == [5]
