"""The operator and its chart agree on their defaults."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
import yaml

from simulation_core.errors import SettingsError
from simulation_core.settings import load
from simulation_operator.settings import DAY_SECONDS, DEFAULT_USER, OperatorSettings

VALUES = Path(__file__).parents[3] / "charts/simulation-operator/values.yaml"


def test_the_default_user_is_the_same_with_and_without_the_chart() -> None:
    assert UUID(yaml.safe_load(VALUES.read_text())["operator"]["defaultUserId"]) == DEFAULT_USER


def test_what_ended_is_kept_as_long_with_and_without_the_chart() -> None:
    days = yaml.safe_load(VALUES.read_text())["operator"]["retentionDays"]
    assert OperatorSettings.model_fields["retention_seconds"].default == days * DAY_SECONDS


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_retention_that_keeps_nothing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    needed = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "PORTALS_FILE": "p.yaml", "NAMESPACE": "n"}
    for name, value in {**needed, "RETENTION_SECONDS": seconds}.items():
        monkeypatch.setenv(f"SIMULATION_{name}", value)
    with pytest.raises(SettingsError, match=r"^SIMULATION_RETENTION_SECONDS is malformed: input should be greater than 0$"):
        load(OperatorSettings)
