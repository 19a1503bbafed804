"""No ten seconds hold more calls than HubSpot allows."""

from __future__ import annotations

import pytest

from simulation_worker.crm.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 190, 250])
def test_no_window_of_ten_seconds_exceeds_the_limit_not_even_after_a_rest(limit: int) -> None:
    clock = Clock()
    pace = Pace(limit, clock=clock, sleep=clock.sleep)
    calls: list[float] = []
    for rest in (0.0, 100.0, 3.0):
        clock.now += rest
        for _ in range(limit * 3):
            pace.wait()
            calls.append(clock.now)
    for first in calls:
        assert sum(first <= call < first + 10 for call in calls) <= max(limit, 2)


def test_after_a_rest_a_burst_goes_out_at_once() -> None:
    clock = Clock()
    pace = Pace(190, clock=clock, sleep=clock.sleep)
    clock.now += 60
    assert [pace.reserve() for _ in range(15)] == pytest.approx([0.0] * 15, abs=1e-9)
    assert pace.reserve() > 0.05


def test_it_starts_without_a_burst_because_the_process_before_may_have_spent_it() -> None:
    clock = Clock()
    pace = Pace(190, clock=clock, sleep=clock.sleep)
    assert pace.reserve() == 0
    assert pace.reserve() == pytest.approx(1 / 17.5)


def test_calls_are_scarce_as_long_as_they_have_to_wait() -> None:
    clock = Clock()
    pace = Pace(190, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        pace.wait()
        clock.now += 0.1
    assert not pace.scarce
    for _ in range(40):
        pace.wait()
    assert pace.scarce
    clock.now += 10
    assert not pace.scarce
