import inspect
import re
from pathlib import Path

from speechsearch import errors

PROTOCOL = Path(errors.__file__).parent / "wire" / "PROTOCOL.md"
EXCEPTIONS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.SpeechsearchError)
]


def test_every_error_has_a_code_of_its_own_and_stands_in_the_drawn_tree():
    codes = [kind.code for kind in EXCEPTIONS]
    assert len(set(codes)) == len(codes)
    for kind in EXCEPTIONS:
        assert re.search(rf"\b{kind.__name__}\b", errors.__doc__)


def test_every_wire_error_stands_in_the_protocol_page():
    page = PROTOCOL.read_text()
    for kind in EXCEPTIONS:
        if issubclass(kind, errors.WireError) and kind is not errors.WireError:
            assert f"| `{kind.code}` |" in page


def test_a_message_says_what_was_wrong_and_then_what_to_do():
    assert str(errors.AudioError("no sound", hint="Speak up")) == "no sound. Speak up"
    assert str(errors.AudioError("no sound")) == "no sound"
