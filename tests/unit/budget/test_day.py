"""An account's day ends at its own midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulation_core import zones
from simulation_worker.budget.day import MORNING_SECONDS, until_midnight_ms, zone_of

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("UTC", "2026-11-27T08:00:00Z", 16),
        ("Europe/Berlin", "2026-11-27T22:00:00Z", 1),
        ("US/Eastern", "2026-11-27T04:00:00Z", 1),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", 23),  # the clocks go forward that night
        ("Europe/Berlin", "2026-10-24T22:00:00Z", 25),  # and back
        ("Asia/Kathmandu", "2026-11-27T18:15:00Z", 24),  # it is midnight there
    ],
)
def test_it_is_so_many_hours_to_midnight(zone: str, now: str, hours: int) -> None:
    assert until_midnight_ms(zones.zone(zone), datetime.fromisoformat(now)) == hours * HOUR_MS + MORNING_SECONDS * 1000


def test_a_zone_is_known_by_its_name_or_by_what_it_is_off() -> None:
    assert zone_of("Europe/Berlin", 0) == zones.zone("Europe/Berlin")
    assert zone_of("Mars/Olympus", -18_000_000) == timezone(timedelta(hours=-5))
    assert zone_of(None, None) is UTC
    assert zone_of(7, 10**12) is UTC
