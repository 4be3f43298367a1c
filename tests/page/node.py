"""Objects of the page's modules, driven from Python through Node."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
FILES = HERE.parent.parent / "speechsearch" / "server" / "page_files"


def node():
    """The Node that comes with Playwright."""
    driver = pytest.importorskip("playwright._impl._driver")
    return str(driver.compute_driver_executable()[0])


class Subject:
    def __init__(self, process):
        self._process = process
        self.calls = []

    def _ask(self, **question):
        self._process.stdin.write(json.dumps(question, default=_typed) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the module failed: see the captured standard error"
        answered = json.loads(line)
        self.calls += answered["calls"]
        return _bytes(answered["answer"])

    def call(self, name, *args):
        return self._ask(call=name, args=args)

    def get(self, name):
        return self._ask(get=name)

    def set(self, name, value):
        self._ask(set=name, args=value)


@contextmanager
def module(file, name="", *args, record=()):
    """An object of class ``name``, or the module itself."""
    command = [node(), str(HERE / "modules.mjs"), str(FILES), file, name, ",".join(record)]
    process = subprocess.Popen(
        [*command, *map(json.dumps, args)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Subject(process)
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def _typed(value):
    if isinstance(value, np.ndarray):
        return {str(value.dtype): value.tolist()}
    raise TypeError(type(value))


def _bytes(answer):
    if isinstance(answer, list):
        return [_bytes(one) for one in answer]
    if isinstance(answer, dict) and list(answer) == ["hex"]:
        return bytes.fromhex(answer["hex"])
    return answer
