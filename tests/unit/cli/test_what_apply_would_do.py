"""`plan --against` says what `kubectl apply` would do: it touches what the file sets, and what an earlier file set and this one doesn't."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from simulation_cli.comparing import compare
from simulation_cli.planning import Limits
from simulation_cli.resource import ClusterSimulation
from simulation_core.spec import parse_spec

SPEC = {"scenario": "B2C", "totalRecords": 10, "durationSeconds": 60}


def sentence(file: dict[str, Any], cluster: dict[str, Any], applied: dict[str, Any]) -> str:
    simulation = ClusterSimulation(
        namespace="team", name="waves", uid=UUID(int=7), spec={**SPEC, **cluster}, status={}, applied={**SPEC, **applied}
    )
    return compare(parse_spec({**SPEC, **file}), Limits(100, 250_000), simulation, now_ms=0).sentence


@pytest.mark.parametrize(
    ("file", "cluster", "applied", "said"),
    [
        ({}, {"suspend": True}, {}, "Applying the file changes nothing. The file doesn't set spec.suspend: "),
        ({"suspend": False}, {"suspend": True}, {}, "Applying the file changes spec.suspend, and leaves the plan as it is."),
        ({}, {"suspend": True}, {"suspend": True}, "Applying the file changes spec.suspend, and leaves the plan as it is."),
        ({"retries": {"limit": 9}}, {"suspend": True}, {}, "Applying the file changes spec.retries.limit, and "),
        ({}, {}, {}, "The file asks for what the Simulation asks for: applying it changes nothing."),
        ({"totalRecords": 11}, {}, {}, "Applying the file would be refused: frozen in a Simulation that exists: spec.totalRecords."),
    ],
)  # fmt: skip
def test_apply_touches_no_other_fields(file: dict[str, Any], cluster: dict[str, Any], applied: dict[str, Any], said: str) -> None:
    assert sentence(file, cluster, applied).startswith(said)
