"""Versions of the pipeline as a server names, keeps and makes them."""

import pytest

from speechsearch.config import load_settings
from speechsearch.errors import ConfigError, StateError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.server.assemble import demo_index, load
from speechsearch.server.rollout_files import admin_token, open_rollout_files
from speechsearch.server.versions import version_of, with_sections
from speechsearch.types import Decoder


@pytest.fixture(scope="module")
def settings():
    return load_settings()


@pytest.fixture(scope="module")
def champion(settings):
    return version_of(settings, demo_index(), None)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("vad", {"vad": {"hangover_ms": 600}}),
        ("vad", {"turns": {"usual_ms": 320}}),
        ("model", {"asr": {"threads": 1}}),
        ("decoder", {"asr": {"decoder": "greedy"}}),
        ("ranking", {"search": {"limit": 5}}),
    ],
)
def test_each_part_may_be_another_and_the_version_makes_the_settings_again(
    settings, champion, part, changes
):
    changed = with_sections(settings, changes)
    version = version_of(changed, demo_index(), champion)
    different = [name for name in champion.parts if version.parts[name] != champion.parts[name]]
    assert different == [part]
    assert version.id != champion.id
    assert version.lineage.parent == champion.id
    assert with_sections(settings, version.settings) == changed


def test_the_same_settings_are_the_same_version(settings, champion):
    assert version_of(settings, demo_index(), champion).id == champion.id


def test_a_wrong_setting_is_named(settings):
    with pytest.raises(ConfigError, match="hangover"):
        with_sections(settings, {"vad": {"hangover": 1}})


def test_what_two_versions_have_in_common_is_loaded_once(settings):
    metrics = Metrics("model")
    live = load(settings, metrics)
    ranked = load(with_sections(settings, {"search": {"limit": 5}}), metrics, live)
    assert ranked.pipeline.model is live.pipeline.model
    assert ranked.pipeline.finder is not live.pipeline.finder
    other = load(with_sections(settings, {"asr": {"threads": 1}}), metrics, live)
    assert other.pipeline.model is not live.pipeline.model
    assert other.pipeline.finder() is live.pipeline.finder()
    greedy = load(with_sections(settings, {"asr": {"decoder": "greedy"}}), metrics, live)
    assert greedy.pipeline.options.decoder is Decoder.GREEDY
    assert greedy.pipeline.finder() is not live.pipeline.finder()


def with_rollouts(tmp_path, **options):
    return load_settings(rollout={"folder": str(tmp_path / "versions"), **options})


def test_without_a_token_there_are_no_rollouts(tmp_path):
    assert open_rollout_files(with_rollouts(tmp_path)) is None
    assert not (tmp_path / "versions").exists()


def test_the_token_may_stand_in_a_file(tmp_path):
    (tmp_path / "token").write_text("a secret\n")
    options = with_rollouts(tmp_path, token_file=str(tmp_path / "token")).rollout
    assert admin_token(options) == "a secret"
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        admin_token(options)
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        admin_token(options)


def test_a_clients_token_is_no_administrators(tmp_path):
    settings = with_rollouts(tmp_path, token="x").model_copy(
        update={"server": load_settings(server={"token": "x"}).server}
    )
    with pytest.raises(ConfigError, match="an administrator"):
        open_rollout_files(settings)


def test_a_folder_belongs_to_one_server_at_a_time_and_its_key_stays(tmp_path):
    settings = with_rollouts(tmp_path, token="x")
    files = open_rollout_files(settings)
    with pytest.raises(StateError, match="another server"):
        open_rollout_files(settings)
    files.close()
    again = open_rollout_files(settings)
    assert again.key == files.key
    assert (tmp_path / "versions" / "key").stat().st_mode & 0o077 == 0
    again.close()
