"""What a wheel holds besides the package: all that the program looks for beside itself."""

from __future__ import annotations

import tomllib

from speechsearch.config import default_models_dir, fixtures_dir
from tests.conftest import ROOT


def test_the_wheel_holds_every_model_and_every_recording_that_is_shipped():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {
        path: target
        for target, patterns in options["data-files"].items()
        for pattern in patterns
        for path in ROOT.glob(pattern)
    }
    for folder in (default_models_dir(), fixtures_dir()):
        for path in (one for one in folder.rglob("*") if one.is_file()):
            assert packed[path] == f"share/speechsearch/{path.parent.relative_to(ROOT)}"
