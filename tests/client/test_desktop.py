import base64
import webbrowser

from speechsearch.client.desktop import open_hit
from speechsearch.types import Hit


def test_a_web_address_is_opened(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    said = open_hit(Hit("a", "A", 1.0, "text", url="https://example.org/a"))
    assert opened == ["https://example.org/a"]
    assert "opened" in said


def test_an_address_that_is_not_of_the_web_is_never_opened(monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda url: 1 / 0)
    for url in ("file:///etc/passwd", "javascript:alert(1)", "vbscript:x", ""):
        assert "copied" in open_hit(Hit("a", "Moby Dick", 1.0, "text", url=url))
    assert base64.b64encode(b"Moby Dick").decode() in capsys.readouterr().out
