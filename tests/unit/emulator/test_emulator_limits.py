"""The limits by a clock that the test turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulation_sandbox.hubspot.limits import Day, RollingWindow


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_the_window_rolls_call_by_call() -> None:
    clock = Clock()
    window = RollingWindow(clock)
    assert window.take(2)
    clock.seconds += 6
    assert window.take(2)
    assert not window.take(2)
    assert window.seconds_until_free() == pytest.approx(4)
    clock.seconds += 4
    assert window.take(2)
    assert not window.take(2)


def test_a_refused_call_does_not_count_so_waiting_helps() -> None:
    clock = Clock()
    window = RollingWindow(clock)
    assert window.take(1)
    for _ in range(50):
        clock.seconds += 0.19
        assert not window.take(1)
    clock.seconds += 0.6
    assert window.take(1)


def test_never_more_than_the_limit_within_any_ten_seconds() -> None:
    clock = Clock()
    window = RollingWindow(clock)
    through: list[float] = []
    for _ in range(2000):
        clock.seconds += 0.013
        if window.take(19):
            through.append(clock.seconds)
    assert all(sum(start <= moment < start + 10 for moment in through) <= 19 for start in through)
    assert len(through) >= 19 * 2


@pytest.mark.parametrize(("zone", "hours_to_midnight"), [("UTC", 2), ("Europe/Berlin", 1), ("America/New_York", 7)])
def test_the_day_ends_at_the_accounts_midnight(zone: str, hours_to_midnight: int) -> None:
    now = [datetime(2026, 11, 24, 22, 0, tzinfo=UTC)]
    day = Day(zone, today=lambda: now[0])
    assert day.take(1)
    assert day.seconds_until_midnight() == hours_to_midnight * 3600
    now[0] += timedelta(hours=hours_to_midnight, minutes=-1)
    assert not day.take(1)
    now[0] += timedelta(minutes=1)
    assert day.take(1)
