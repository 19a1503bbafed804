"""Local days and hours: days of 23 and 25 hours, hours that don't exist or come twice, holidays, and a date that a zone left out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from simulation_core.errors import SpecError
from simulation_core.plan.localtime import Window, daily_offsets, weekends, working_intervals
from simulation_core.plan.times import due_offsets
from simulation_core.spec import DailySpike, Day, Distribution, Method, WorkingTime, parse_spec
from simulation_core.zones import names, zone

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def window(start: str, days: int, time_zone: str = "Europe/Berlin") -> Window:
    return Window(round(datetime.fromisoformat(start).timestamp() * 1000), days * DAY_MS, time_zone)


def hours(intervals: np.ndarray) -> list[float]:
    return ((intervals[:, 1] - intervals[:, 0]) / HOUR_MS).tolist()


SPRING = window("2027-03-27T00:00+01:00", 3)  # Saturday to Monday; on Sunday 02:00 becomes 03:00
AUTUMN = window("2027-10-30T00:00+02:00", 3)  # Saturday to Monday; on Sunday 03:00 becomes 02:00
EVERY_DAY = tuple(Day)


@pytest.mark.parametrize(("change", "of_sunday"), [(SPRING, 23.0), (AUTUMN, 25.0)], ids=["23 hours", "25 hours"])
def test_a_whole_local_day_has_the_hours_the_zone_gives_it(change: Window, of_sunday: float) -> None:
    sunday = working_intervals(WorkingTime(days=(Day.SUNDAY,), start_hour=0, end_hour=24), change)
    assert hours(sunday) == [of_sunday]
    assert hours(weekends(change)) == [24 + of_sunday]


@pytest.mark.parametrize(
    ("change", "begin", "end", "lasts"),
    [
        (SPRING, 2, 3, []),
        (SPRING, 1, 3, [1.0]),
        (SPRING, 2, 4, [1.0]),
        (AUTUMN, 2, 3, [2.0]),
        (AUTUMN, 1, 2, [1.0]),
        (AUTUMN, 0, 9, [10.0]),
    ],
)
def test_working_hours_across_the_change_are_those_on_the_clock(change: Window, begin: int, end: int, lasts: list[float]) -> None:
    sunday = working_intervals(WorkingTime(days=(Day.SUNDAY,), start_hour=begin, end_hour=end), change)
    assert hours(sunday) == lasts


@pytest.mark.parametrize(("change", "steps"), [(SPRING, [23.0, 24.0]), (AUTUMN, [25.0, 24.0])], ids=["23 hours", "25 hours"])
def test_the_same_hour_of_the_next_day_is_a_local_day_away(change: Window, steps: list[float]) -> None:
    nine = daily_offsets(9, change, margin=0)
    assert (np.diff(nine[:3]) / HOUR_MS).tolist() == steps


@pytest.mark.parametrize(("change", "of_sunday"), [(SPRING, 23), (AUTUMN, 25)], ids=["23 hours", "25 hours"])
def test_records_spread_evenly_over_a_short_and_a_long_day(change: Window, of_sunday: int) -> None:
    spec = {"method": "BusinessHours", "timeZone": "Europe/Berlin", "workingTime": {"days": ["Sunday"], "startHour": 0, "endHour": 24}}
    distribution = parse_spec({"scenario": "B2C", "totalRecords": 1, "durationSeconds": 1, "distribution": spec}).distribution
    offsets = due_offsets(distribution, records=of_sunday * 60, start_ms=change.start_ms, window_ms=change.length_ms, seed=1)
    assert np.diff(offsets).tolist() == [60_000] * (of_sunday * 60 - 1)
    assert offsets[0] == DAY_MS + 30_000


def test_a_spike_in_an_hour_that_the_change_skips_comes_an_hour_later_and_is_not_lost() -> None:
    distribution = Distribution(
        method=Method.DAILY_SPIKE, daily_spike=DailySpike(hour=2, width_minutes=1, background_percent=0), time_zone="Europe/Berlin"
    )
    offsets = due_offsets(distribution, records=3, start_ms=SPRING.start_ms, window_ms=SPRING.length_ms, seed=1)
    moments = [datetime.fromtimestamp((SPRING.start_ms + offset) / 1000, UTC).astimezone(zone("Europe/Berlin")) for offset in offsets]
    assert [(moment.day, moment.hour, moment.minute) for moment in moments] == [(27, 2, 0), (28, 3, 0), (29, 2, 0)]


def test_a_midnight_that_does_not_exist_begins_the_day_an_hour_later() -> None:
    """Brazil went to summer time at midnight until 2018."""
    change = window("2018-11-03T00:00-03:00", 3, "America/Sao_Paulo")
    assert hours(working_intervals(WorkingTime(days=(Day.SUNDAY,), start_hour=0, end_hour=24), change)) == [23.0]


def test_the_date_that_samoa_skipped_has_no_working_time() -> None:
    crossing = window("2011-12-29T00:00-10:00", 4, "Pacific/Apia")
    assert date(2011, 12, 30) not in list(crossing.days())
    friday = working_intervals(WorkingTime(days=(Day.FRIDAY,)), crossing)
    assert hours(friday) == []
    assert hours(working_intervals(WorkingTime(days=EVERY_DAY), crossing)) == [8.0] * 4


def test_a_holiday_is_a_local_date() -> None:
    auckland = window("2027-03-28T12:00+00:00", 2, "Pacific/Auckland")  # already the 29th there
    days = working_intervals(WorkingTime(days=EVERY_DAY, start_hour=0, end_hour=24, holidays=("2027-03-30",)), auckland)
    assert hours(days) == [23.0, 1.0]


def test_neighbouring_days_without_a_night_between_are_one_stretch_cut_to_the_window() -> None:
    assert hours(working_intervals(WorkingTime(days=EVERY_DAY, start_hour=0, end_hour=24), SPRING)) == [72.0]


NIGHT = {"startHour": 3, "endHour": 4}
EARLY = {"points": [{"percent": 0, "weight": 1}, {"percent": 1, "weight": 1}]}
STEP_TO_NOTHING = {"points": [{"percent": 7, "weight": 0}, {"percent": 7, "weight": 9}]}
PEAK_AT_ONCE = {"peakPercent": 0, "spreadPercent": 1}  # 37.5 deviations from 13:00: floats have no digits left there
LATE_SPIKE = {"hour": 22, "widthMinutes": 5, "backgroundPercent": 0}
NO_DENSITY = [
    ({"method": "BusinessHours", "workingTime": {"days": ["Monday"]}}, "workingTime", "no working time lies between"),
    ({"method": "Linear", "workingTime": NIGHT}, "workingTime", "no working time lies between"),
    ({"method": "Custom", "custom": EARLY, "workingTime": {"startHour": 12}}, "workingTime", "where no working time is"),
    ({"method": "Custom", "custom": STEP_TO_NOTHING}, "custom.points", "zero everywhere"),
    ({"method": "BellCurve", "bellCurve": PEAK_AT_ONCE, "workingTime": {"startHour": 13}}, "workingTime", "where no working time is"),
    ({"method": "DailySpike", "dailySpike": LATE_SPIKE}, "dailySpike", "no spike"),
    (
        {"method": "WeekendSurge", "weekendSurge": {"factorPercent": 0}, "timeZone": "Pacific/Kiritimati"},
        "weekendSurge.factorPercent",
        "is 0",
    ),
]


@pytest.mark.parametrize(("distribution", "field", "said"), NO_DENSITY, ids=lambda value: value if isinstance(value, str) else "")
def test_a_density_without_a_moment_in_the_window_names_the_field(distribution: dict, field: str, said: str) -> None:
    spec = parse_spec({"scenario": "B2C", "totalRecords": 5, "durationSeconds": 28_800, "distribution": distribution})
    friday = window("2027-03-26T10:00+00:00", 0)  # already Saturday on Kiritimati
    with pytest.raises(SpecError, match=said) as refused:
        due_offsets(spec.distribution, records=5, start_ms=friday.start_ms, window_ms=8 * HOUR_MS, seed=1)
    assert refused.value.field == f"spec.distribution.{field}"


@pytest.mark.parametrize(("hour_ms", "width_minutes", "window_ms"), [(0, 120, 1), (0, 1440, 8), (4 * HOUR_MS, 60, 10_000)])
def test_a_short_window_near_a_spike_has_its_density(hour_ms: int, width_minutes: int, window_ms: int) -> None:
    spike = Distribution(method=Method.DAILY_SPIKE, daily_spike=DailySpike(width_minutes=width_minutes, background_percent=0))
    nine = window("2027-03-24T09:00+00:00", 1).start_ms
    offsets = due_offsets(spike, records=window_ms, start_ms=nine + hour_ms, window_ms=window_ms, seed=1)
    assert 0 <= offsets[0] <= offsets[-1] <= window_ms


@pytest.mark.parametrize("name", ["Europe", "Europe/Nowhere", "/etc/passwd", "posixrules", "", "europe/berlin"])
def test_only_names_of_the_database_are_zones(name: str) -> None:
    assert name not in names()
    with pytest.raises(KeyError):
        zone(name)
