"""How late a record arrives is judged by its key, and only where the CRM holds exactly the plan."""

from __future__ import annotations

from uuid import UUID

import pytest

from simulation_bench.emulator import Arrival
from simulation_bench.lateness.arrivals import due_ms, of_arrivals

RUN = UUID("7f0c2a55-1111-4222-8333-444455556666")
DUE_MS = due_ms({RUN: 10_000}, [0, 5])


def arrival(record: int, created_ms: int) -> Arrival:
    return Arrival(key=f"{RUN}-{record}-p0", created_ms=created_ms, writes=1)


def test_each_record_has_its_own_due_time() -> None:
    assert of_arrivals([arrival(1, 10_012), arrival(0, 10_012)], DUE_MS) == [7, 12]


@pytest.mark.parametrize("arrivals", [[], [arrival(0, 1)], [arrival(0, 1), arrival(0, 1)], [arrival(0, 1), arrival(1, 1), arrival(2, 1)]])
def test_another_crm_than_the_plan_is_no_measurement(arrivals: list[Arrival]) -> None:
    with pytest.raises(ValueError, match="where 2 were planned"):
        of_arrivals(arrivals, DUE_MS)
