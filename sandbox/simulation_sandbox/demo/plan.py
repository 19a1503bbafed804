"""Tells the emulator's page what is planned, so that it can be seen beside what arrives. Nothing depends on it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import psycopg

from simulation_core.ledger.values import Status
from simulation_sandbox.demo.proof import Planned, planned_of

SLICES = 100
LEAST_MS = 1_000  # a plan of a single moment is drawn as this long


class PlanOnPage:
    """Told once, as soon as the ledger has the plan."""

    def __init__(self, hubspot_url: str, database_url: str) -> None:
        self._hubspot_url = hubspot_url
        self._database_url = database_url
        self._told = False

    def look(self, simulation: Mapping[str, Any]) -> None:
        """Called now and then with the Simulation as it is."""
        if self._told:
            return
        meta = simulation["metadata"]
        try:
            with psycopg.connect(self._database_url, connect_timeout=5) as connection:
                planned = planned_of(connection, meta["uid"])
        except LookupError:
            return  # not accepted yet
        if planned.status == Status.PLANNING:
            return
        plan = as_plan(planned, name=f"{meta['namespace']}/{meta['name']}")
        httpx.post(f"{self._hubspot_url}/_emulator/plan", json=plan, timeout=5).raise_for_status()
        self._told = True


def as_plan(planned: Planned, *, name: str) -> dict[str, Any]:
    """What the emulator wants to know: from the first due time to the last, and how many are due in each slice between."""
    due_ms = sorted(planned.due_ms)
    start_ms = due_ms[0]
    end_ms = max(due_ms[-1] + 1, start_ms + LEAST_MS)
    counts = _counts(due_ms, start_ms, end_ms)
    return {
        "start": start_ms,
        "end": end_ms,
        "counts": counts,
        "objectType": planned.primary,
        "simulationId": planned.id,
        "name": name,
    }


def _counts(due_ms: Sequence[int], start_ms: int, end_ms: int) -> list[int]:
    """Exact where a slice ends between two milliseconds: its end belongs to the next one."""
    reached = [bisect_left(due_ms, start_ms + (end_ms - start_ms) * number / SLICES) for number in range(1, SLICES)]
    return [there - before for before, there in zip([0, *reached], [*reached, len(due_ms)], strict=True)]
