"""While Redis is away a worker paces itself. No ten seconds hold more calls than its share."""

from __future__ import annotations

import pytest

from simulation_worker.budget.limits import Limit
from simulation_worker.budget.local_pace import LocalPace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 190, 250])
def test_no_window_of_ten_seconds_exceeds_the_limit_not_even_after_a_rest(limit: int) -> None:
    clock = Clock()
    pace = LocalPace(Limit(limit), clock=clock)
    calls: list[float] = []
    for rest in (0.0, 100.0, 3.0):
        clock.now += rest
        for _ in range(limit * 3):
            clock.now += pace.reserve()
            calls.append(clock.now)
    for first in calls:
        assert sum(first <= call < first + 10 for call in calls) <= max(limit, 2)


def test_after_a_rest_a_burst_goes_out_at_once() -> None:
    clock = Clock()
    pace = LocalPace(Limit(190), clock=clock)
    clock.now += 60
    assert [pace.reserve() for _ in range(15)] == pytest.approx([0.0] * 15, abs=1e-9)
    assert pace.reserve() > 0.05


def test_it_starts_without_a_burst_because_somebody_may_have_spent_it() -> None:
    clock = Clock()
    pace = LocalPace(Limit(190), clock=clock)
    assert pace.reserve() == 0
    assert pace.reserve() == pytest.approx(1 / 17, rel=0.01)
