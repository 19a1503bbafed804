"""The operator and its chart agree on their defaults."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
import yaml

from simulation_core.errors import SettingsError
from simulation_core.settings import load
from simulation_core.spec import Source
from simulation_operator.scheduler.dispatcher import HORIZON_MS, PREPARE_LEAD_MS
from simulation_operator.scheduler.main import SchedulerSettings
from simulation_operator.settings import DAY_SECONDS, DEFAULT_USER, ContentSources, OperatorSettings

VALUES = Path(__file__).parents[3] / "charts/simulation-operator/values.yaml"


def test_the_default_user_is_the_same_with_and_without_the_chart() -> None:
    assert UUID(yaml.safe_load(VALUES.read_text())["operator"]["defaultUserId"]) == DEFAULT_USER


def test_what_ended_is_kept_as_long_with_and_without_the_chart() -> None:
    days = yaml.safe_load(VALUES.read_text())["operator"]["retentionDays"]
    assert OperatorSettings.model_fields["retention_seconds"].default == days * DAY_SECONDS


def test_content_is_prepared_as_early_with_and_without_the_chart() -> None:
    lead_seconds = yaml.safe_load(VALUES.read_text())["model"]["leadSeconds"]
    assert OperatorSettings.model_fields["prepare_lead_seconds"].default == lead_seconds == PREPARE_LEAD_MS // 1000


def test_batches_are_put_into_redis_as_early_by_both_that_offer_with_and_without_the_chart() -> None:
    seconds = yaml.safe_load(VALUES.read_text())["scheduler"]["horizonSeconds"]
    assert OperatorSettings.model_fields["horizon_seconds"].default == seconds == HORIZON_MS // 1000
    assert SchedulerSettings.model_fields["horizon_seconds"].default == seconds


def test_the_operator_offers_as_far_ahead_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "PORTALS_FILE": "p.yaml", "NAMESPACE": "n"}
    for name, value in {**needed, "HORIZON_SECONDS": "5", "PREPARE_LEAD_SECONDS": "30"}.items():
        monkeypatch.setenv(f"SIMULATION_{name}", value)
    settings = load(OperatorSettings)
    assert (settings.horizon_seconds, settings.prepare_lead_seconds) == (5, 30)


@pytest.mark.parametrize(
    ("model", "by_default", "sources"),
    [
        ("", "true", ContentSources(has_model=False, default=Source.FAKER)),
        ("gpt", "true", ContentSources(has_model=True, default=Source.OPENAI)),
        ("gpt", "false", ContentSources(has_model=True, default=Source.FAKER)),
    ],
)
def test_a_model_writes_by_default_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, model: str, by_default: str, sources: ContentSources
) -> None:
    needed = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "PORTALS_FILE": "p.yaml", "NAMESPACE": "n"}
    for name, value in {**needed, "OPENAI_MODEL": model, "OPENAI_BY_DEFAULT": by_default}.items():
        monkeypatch.setenv(f"SIMULATION_{name}", value)
    assert load(OperatorSettings).content_sources == sources


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_retention_that_keeps_nothing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    needed = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "PORTALS_FILE": "p.yaml", "NAMESPACE": "n"}
    for name, value in {**needed, "RETENTION_SECONDS": seconds}.items():
        monkeypatch.setenv(f"SIMULATION_{name}", value)
    with pytest.raises(SettingsError, match=r"^SIMULATION_RETENTION_SECONDS is malformed: input should be greater than 0$"):
        load(OperatorSettings)
