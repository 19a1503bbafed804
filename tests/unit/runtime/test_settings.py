"""Settings: one line that names the variable, never its value."""

from pathlib import Path

import pytest

from simulation_core.errors import SettingsError
from simulation_core.settings import EXIT_BAD_SETTINGS, ProcessSettings, exit_on_bad_settings, load


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SIMULATION_DATABASE_URL", "postgresql://u:hunter2@db/x")
    monkeypatch.setenv("SIMULATION_REDIS_URL", "redis://cache")
    monkeypatch.setenv("SIMULATION_PORTALS_FILE", "/etc/portals.yaml")
    return monkeypatch


def test_settings_come_from_the_environment(complete: pytest.MonkeyPatch) -> None:
    settings = load(ProcessSettings)
    assert settings.portals_file == Path("/etc/portals.yaml")
    assert "hunter2" not in repr(settings)


def test_each_missing_variable_is_named_in_one_line(complete: pytest.MonkeyPatch) -> None:
    complete.delenv("SIMULATION_DATABASE_URL")
    complete.delenv("SIMULATION_REDIS_URL")
    with pytest.raises(SettingsError) as refused:
        load(ProcessSettings)
    assert str(refused.value) == "SIMULATION_DATABASE_URL is not set; SIMULATION_REDIS_URL is not set"


def test_a_process_ends_with_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, exit_on_bad_settings("simulation-worker"):
        raise SettingsError("SIMULATION_REDIS_URL is not set")
    assert ended.value.code == EXIT_BAD_SETTINGS
    assert capsys.readouterr().err == "simulation-worker: SIMULATION_REDIS_URL is not set\n"
