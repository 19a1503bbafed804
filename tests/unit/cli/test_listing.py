"""A line of `list`: what comes next, and when."""

from __future__ import annotations

from uuid import UUID

import pytest

from simulation_cli import summary
from simulation_cli.resource import ClusterSimulation
from simulation_core.clock import iso_ms

NOW_MS = 1_796_000_000_000


@pytest.mark.parametrize(
    ("phase", "in_seconds", "shown"),
    [("Running", 5, "5s"), ("Running", -5, "now"), ("Suspended", 5, "5s"), ("Suspended", -5, "–"), ("Completed", None, "–")],
)
def test_nothing_comes_now_of_a_suspended_one(phase: str, in_seconds: int | None, shown: str) -> None:
    moment = {} if in_seconds is None else {"nextRecordTime": iso_ms(NOW_MS + in_seconds * 1000)}
    launch = ClusterSimulation(namespace="n", name="launch", uid=UUID(int=1), spec={"scenario": "B2B"}, status={"phase": phase, **moment})
    head, row = summary.listed([launch], now_ms=NOW_MS)
    at = head.index("NEXT")
    assert row[at:].split()[0] == shown
