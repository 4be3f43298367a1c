import inspect

from speechsearch import errors
from speechsearch.server.faults import STATUS, fault_response, status_of

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.SpeechsearchError)
]


def test_an_error_has_its_own_status_or_that_of_what_it_derives_from():
    assert status_of(errors.UnsupportedAudio("x")) == 415
    assert status_of(errors.AudioFileError("x")) == 422
    assert status_of(errors.TooSlow("x")) == 408
    assert status_of(errors.ModelError("x")) == 500
    assert all(400 <= status_of(kind("x")) < 600 for kind in KINDS)
    assert all(kind in KINDS for kind in STATUS)


def test_who_comes_too_early_is_told_when_to_come_back():
    for kind in (errors.Overloaded, errors.ServerUnavailable, errors.DeadlineExceeded):
        assert int(fault_response(kind("x")).headers["retry-after"]) > 0
    assert fault_response(errors.Unauthorized("x")).headers["www-authenticate"] == "Bearer"
