import pytest

from speechsearch.config import config_file, load_settings
from speechsearch.errors import ConfigError


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SPEECHSEARCH_CONFIG", raising=False)


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(
    tmp_path, monkeypatch
):
    assert load_settings().server.port == 8765
    (tmp_path / "speechsearch.toml").write_text("[server]\nport = 1\n[vad]\npause_ms = 160\n")
    assert load_settings().server.port == 1
    monkeypatch.setenv("SPEECHSEARCH_SERVER__PORT", "2")
    assert load_settings().server.port == 2
    settings = load_settings(server={"port": 3})
    assert (settings.server.port, settings.vad.pause_ms) == (3, 160)


def test_a_file_of_ones_own_is_found_in_the_configuration_folder(tmp_path):
    folder = tmp_path / "config" / "speechsearch"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[search]\nlimit = 3\n")
    assert config_file() == folder / "config.toml"
    assert load_settings().search.limit == 3


@pytest.mark.parametrize(
    "text",
    [
        "[server]\nprot = 1\n",
        "[sever]\nport = 1\n",
        "[server]\nport = 'many'\n",
        "[server]\nport = 99999\n",
        "[server]\nmax_queued = 0\n",
        "[vad]\nhangover_ms = 1\n",
        "not toml",
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(tmp_path, text):
    (tmp_path / "speechsearch.toml").write_text(text)
    with pytest.raises(ConfigError):
        load_settings()


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("SPEECHSEARCH_CONFIG", "gone.toml")
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load_settings()


def test_names_stand_in_the_environment_with_commas_between(monkeypatch):
    monkeypatch.setenv("SPEECHSEARCH_SERVER__ALLOWED_HOSTS", "search.example, page.test")
    assert load_settings().server.allowed_hosts == ("search.example", "page.test")
    assert load_settings(server={"allowed_hosts": ["a.test"]}).server.allowed_hosts == ("a.test",)
