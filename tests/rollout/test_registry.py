import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from speechsearch.errors import IllegalTransition, VersionError
from speechsearch.rollout.registry import Registry
from speechsearch.rollout.version import NEXT, Part, Stage, settings_part
from tests.rollout.made import version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "versions")


@pytest.fixture
def two(registry):
    """A champion and a version that descends from it."""
    old = registry.register(version("old"), "# old")
    registry.move({old: Stage.CHAMPION})
    return old, registry.register(version("new", parent=old), "# new\n\nWER 0.2")


def test_what_was_registered_is_read_back_with_card_and_lineage(registry, two):
    old, new = two
    assert registry.get(new) == version("new", parent=old)
    assert registry.card(new).startswith("# new")
    assert registry.stages() == {old: Stage.CHAMPION, new: Stage.REGISTERED}
    assert registry.champion == old


def test_the_same_parts_are_the_same_version_wherever_they_come_from(registry, two):
    assert version("new").id == two[1]
    with pytest.raises(VersionError, match="registered already"):
        registry.register(version("new"), "")


def test_changing_any_one_part_makes_another_version():
    one = version()
    other = settings_part("other", {"any": {"thing": 1}})
    ids = {msgspec.structs.replace(one, **{name: other}).id for name in one.parts}
    assert len({one.id, *ids}) == 1 + len(one.parts)


def test_settings_in_another_order_are_the_same_part():
    one, other = {"s": {"a": 1, "b": 2}, "t": {}}, {"t": {}, "s": {"b": 2, "a": 1}}
    assert settings_part("x", one) == settings_part("x", other)


def test_a_parent_must_be_there(registry):
    with pytest.raises(VersionError, match="no version 'v-gone'"):
        registry.register(version(parent="v-gone"), "")


def test_a_part_without_a_hash_is_refused(registry):
    with pytest.raises(VersionError, match="64 hexadecimal digits"):
        registry.register(msgspec.structs.replace(version(), model=Part("m", "abc")), "")


def test_a_path_is_no_version(registry, two):
    with pytest.raises(VersionError, match="no version"):
        registry.get(f"../versions/{two[0]}")


def test_a_manifest_that_was_tampered_with_is_refused(registry, two):
    manifest = registry.root / two[1] / "manifest.json"
    manifest.write_bytes((registry.root / two[0] / "manifest.json").read_bytes())
    with pytest.raises(VersionError, match=f"manifest of {two[0]}"):
        registry.get(two[1])
    manifest.write_text("{")
    with pytest.raises(VersionError, match="cannot be read"):
        registry.get(two[1])


def test_nobody_becomes_champion_unjudged_or_beside_another(registry, two):
    old, new = two
    with pytest.raises(IllegalTransition, match="both be champion"):
        registry.move({new: Stage.CHAMPION})
    with pytest.raises(IllegalTransition, match="unjudged"):
        registry.move({new: Stage.CHAMPION, old: Stage.RETIRED})
    assert registry.champion == old


def test_the_champion_changes_in_one_move(registry, two):
    old, new = two
    registry.move({new: Stage.SHADOW})
    registry.move({new: Stage.CANARY})
    registry.move({new: Stage.CHAMPION, old: Stage.RETIRED})
    assert registry.stages() == {old: Stage.RETIRED, new: Stage.CHAMPION}
    registry.move({new: Stage.ROLLED_BACK, old: Stage.CHAMPION})
    assert registry.champion == old


@pytest.mark.parametrize("before", Stage)
@pytest.mark.parametrize("after", Stage)
def test_every_move_that_is_not_in_the_table_has_a_name(registry, before, after):
    one = registry.register(version(), "")
    (registry.root / "stages.json").write_bytes(msgspec.json.encode({one: before}))
    if after in NEXT[before]:
        registry.move({one: after})
        assert registry.stages()[one] is after
    else:
        with pytest.raises(IllegalTransition, match=f"is {before} and cannot become {after}"):
            registry.move({one: after})


def test_damaged_stages_are_an_error_not_a_silent_start_from_nothing(registry, two):
    (registry.root / "stages.json").write_text("[")
    with pytest.raises(VersionError, match=r"stages\.json cannot be read"):
        registry.stages()


def test_a_writer_killed_before_the_rename_leaves_nothing_but_what_was(registry, two):
    _, new = two
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from speechsearch.rollout.registry import Registry
from speechsearch.rollout.version import Stage
from tests.rollout.made import version
die = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
Path.replace = Path.rename = die
registry = Registry(Path({str(registry.root)!r}))
if sys.argv[1] == "move":
    registry.move({{{new!r}: Stage.SHADOW}})
else:
    registry.register(version("third"), "")
"""
    before = registry.stages()
    for what in ("move", "register"):
        ran = subprocess.run([sys.executable, "-c", code, what], check=False)
        assert ran.returncode == -9
        assert registry.stages() == before
    registry.register(version("third"), "")
    assert not list(registry.root.glob("*.aside*"))
