"""Imports follow the data path; observers and shells stay outside it."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "speechsearch"
FOUNDATION = ("errors", "clock", "durable", "numerals", "types")
STAGES = ("audio", "vad", "wire", "asr", "search")
ROLLED_OUT = ("rollout", "automation")
OUTSIDE = {
    "turns": set(),
    "pipeline": {*STAGES, "turns"},
    "tracing": {"__version__"},
    "origins": set(),
    "monitoring": {*STAGES, "tracing"},
    "config": {*STAGES, "turns", "monitoring", "tracing", "origins"},
    "automation": {*STAGES, "config", "rollout"},
    "client": {
        *STAGES,
        "config",
        "pipeline",
        "learning",
        *ROLLED_OUT,
        "tracing",
        "client",
        "__version__",
    },
    "server": {
        *STAGES,
        "config",
        "pipeline",
        "turns",
        "monitoring",
        *ROLLED_OUT,
        "tracing",
        "server",
    },
    "learning": {*STAGES},
    "rollout": set(),
    "replay": {*STAGES, "config", "pipeline", "turns", "monitoring", "learning", "server"},
    "hub": {*STAGES, "config", "hub"},
    "cli_shared": {*STAGES, "config", "client", "server"},
    "cli_eval": {*STAGES, "cli_shared", "client", "learning"},
    "cli_query": {*STAGES, "cli_shared", "client"},
    "cli_export": {*STAGES, "config", "cli_shared", "hub", "learning"},
    "cli_pseudolabel": {*STAGES, "config", "cli_shared", "learning"},
    "cli_train": {*STAGES, "config", "cli_shared", "learning"},
    "cli_models": {*STAGES, "config", "cli_shared", "hub"},
    "cli_replay": {*STAGES, "config", "cli_shared", "learning", "monitoring", "replay"},
    "cli_automation": {*STAGES, "automation", "cli_shared"},
    "cli_rollout": {*STAGES, "config", "cli_shared", "server"},
    "cli_alarms": {*STAGES, "config", "cli_shared", "cli_alarms_tune", "monitoring"},
    "cli_alarms_tune": {*STAGES, "config", "cli_shared", "monitoring"},
    "cli": {
        *STAGES,
        "config",
        "cli_shared",
        "cli_automation",
        "cli_alarms",
        "cli_eval",
        "cli_export",
        "cli_models",
        "cli_pseudolabel",
        "cli_query",
        "cli_replay",
        "cli_rollout",
        "cli_train",
        "client",
        "server",
    },
    "__main__": {"cli"},
    "__init__": {"client"},
}
"""What each part outside the stages may import"""
EXTRAS = {"torch", "torchaudio", "transformers", "safetensors", "onnx", "onnxscript",
          "ctranslate2", "tokenizers", "moonshine_voice", "opentelemetry"}  # fmt: skip
NEED_TORCH = {"positioned.py", "halves.py", "torch_engine.py", "convert.py", "export.py",
              "shrink.py", "split.py", "augment.py", "examples.py", "learner.py", "objective.py",
              "state.py", "training.py", "watch.py", "exporting.py"}  # fmt: skip
NEED_EXTRA = {*NEED_TORCH, "otlp.py"}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree):
    """(module, inside a function) of each import of the package or of anything else."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [node.module]
            if node.module == "speechsearch":
                names = [f"speechsearch.{alias.name}" for alias in node.names]
        for name in names:
            yield name, id(node) in inside


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_follow_the_data_path(path):
    part = part_of(path)
    allowed = {*FOUNDATION, "__version__"}
    if part in STAGES:
        allowed |= set(STAGES[: STAGES.index(part) + 1])
    elif part in FOUNDATION:
        allowed = set(FOUNDATION[: FOUNDATION.index(part) + 1])
    else:
        allowed |= OUTSIDE[part] | {part}
    found = {
        name.split(".")[1]
        for name, _ in imports(ast.parse(path.read_text()))
        if name.startswith("speechsearch.")
    }
    assert found <= allowed, f"{part} may not import {sorted(found - allowed)}"


def test_a_wrong_import_would_be_seen():
    tree = ast.parse("def f():\n    from speechsearch.search.ranking import Ranker")
    assert list(imports(tree)) == [("speechsearch.search.ranking", True)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_base_install_needs_no_extra(path):
    needs_extra = path.name in NEED_EXTRA
    for name, inside in imports(ast.parse(path.read_text())):
        if name.split(".")[0] in EXTRAS:
            assert inside or needs_extra, f"{name} is imported where there may be no extra"


def test_the_command_starts_without_torch(tmp_path):
    import subprocess

    blocker = tmp_path / "torch.py"
    blocker.write_text("raise ImportError('blocked')")
    ran = subprocess.run(
        [sys.executable, "-m", "speechsearch", "models", "verify"],
        capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "whole" in ran.stdout
