"""`plan --times` from outside: the printed moments of each method against scipy's distribution, in working time and out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from references import theory
from simulation_cli import main
from simulation_core.spec import Method, parse_spec

RECORDS = 5_000
START_MS = 1_805_846_400_000  # 2027-03-24T00:00Z; Europe's change to summer time lies in the two weeks
WINDOW_MS = 14 * 86_400_000
POINTS = {
    "points": [{"percent": 10, "weight": 0}, {"percent": 40, "weight": 7}, {"percent": 40, "weight": 2}, {"percent": 90, "weight": 3}]
}
WORKING = {"days": ["Monday", "Wednesday", "Sunday"], "startHour": 1, "endHour": 5, "holidays": ["2027-03-29"]}


def printed(spec: dict[str, Any], folder: Path) -> list[str]:
    manifest = {"apiVersion": "simulation-operator.dev/v1alpha1", "kind": "Simulation", "metadata": {"name": "shape"}, "spec": spec}
    (folder / "simulation.yaml").write_text(yaml.safe_dump(manifest))
    return CliRunner().invoke(main.app, ["plan", "-f", str(folder / "simulation.yaml"), "--times"]).output.splitlines()


def milliseconds(line: str) -> int:
    """Exactly one form: ISO 8601 in UTC with three decimals."""
    moment = datetime.strptime(line, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert len(line) == len("2027-03-24T00:00:00.000Z")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize("working", [False, True], ids=["any time", "working time"])
@pytest.mark.parametrize("method", [method.value for method in Method])
def test_the_printed_times_are_those_of_the_stated_distribution(method: str, working: bool, tmp_path: Path) -> None:
    distribution = {
        "method": method,
        "timeZone": "Europe/Berlin",
        **({"custom": POINTS} if method == Method.CUSTOM else {}),
        **({"workingTime": WORKING} if working else {}),
    }
    spec = {
        "scenario": "B2C",
        "totalRecords": RECORDS,
        "startTime": "2027-03-24T00:00:00Z",
        "endTime": "2027-04-07T00:00:00Z",
        "distribution": distribution,
        "seed": 42,
    }
    offsets = np.array([milliseconds(line) for line in printed(spec, tmp_path)]) - START_MS
    assert len(offsets) == RECORDS
    assert offsets[0] >= 0
    assert offsets[-1] <= WINDOW_MS
    assert (np.diff(offsets) >= 0).all()
    stated = theory.cumulated(parse_spec(spec).distribution, START_MS, WINDOW_MS)
    ranks = np.arange(RECORDS)
    distance = max(np.abs(stated(offsets) - ranks / RECORDS).max(), np.abs((ranks + 1) / RECORDS - stated(offsets)).max())
    drawn = {Method.RANDOM: 1.95 / np.sqrt(RECORDS), Method.TRICKLE: 1.4 / RECORDS}  # Kolmogorov's 0.999 quantile; half a slot more
    assert distance <= drawn.get(Method(method), 1 / RECORDS) + 1e-5  # a millisecond is at most that much of any of these densities
