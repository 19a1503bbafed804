"""The operator and its chart agree on their defaults."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import yaml

from simulation_operator.settings import DEFAULT_USER

VALUES = Path(__file__).parents[3] / "charts/simulation-operator/values.yaml"


def test_the_default_user_is_the_same_with_and_without_the_chart() -> None:
    assert UUID(yaml.safe_load(VALUES.read_text())["operator"]["defaultUserId"]) == DEFAULT_USER
