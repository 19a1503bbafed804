"""Local days and hours as offsets from the start of a window: through daylight-saving changes, in whole milliseconds.

A local hour is what the clock on the wall shows. A day may have 23 or 25 hours. An hour that a change skips is taken as the moment of the
change's other side (02:30 becomes 03:30); of an hour that comes twice, the first one is meant (PEP 495, fold=0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation_core.clock import from_ms, to_ms
from simulation_core.spec import Day, WorkingTime
from simulation_core.zones import zone

_ONE_DAY = timedelta(days=1)
_SATURDAY = 5
_WEEKDAYS = tuple(Day)  # Monday first, as date.weekday() counts


@dataclass(frozen=True)
class Window:
    """From `start_ms` (Unix epoch) on, `length_ms` long, on the calendar of `time_zone`."""

    start_ms: int
    length_ms: int
    time_zone: str = "UTC"

    def days(self, margin: int = 1) -> Iterator[date]:
        """The local dates that the window touches, and `margin` more on either side. A date the zone left out is not among them."""
        where = zone(self.time_zone)
        first = from_ms(self.start_ms).astimezone(where).date() - margin * _ONE_DAY
        last = from_ms(self.start_ms + self.length_ms).astimezone(where).date() + margin * _ONE_DAY
        for number in range((last - first).days + 1):
            day = first + number * _ONE_DAY
            if _exists(day, where):
                yield day

    def offset_of(self, day: date, hour: int) -> int:
        """Milliseconds from the window's start to the local `hour` (0 … 24) of `day`; outside the window where that lies outside."""
        whole, rest = divmod(hour, 24)
        moment = datetime.combine(day + whole * _ONE_DAY, time(rest), tzinfo=zone(self.time_zone))
        return to_ms(moment) - self.start_ms


def working_intervals(working: WorkingTime, window: Window) -> NDArray[np.int64]:
    """Shape (n, 2): begin (in) and end (out) of each stretch of working time within the window, in order, apart from each other."""
    days = {_WEEKDAYS.index(day) for day in working.days}
    holidays = {date.fromisoformat(holiday) for holiday in working.holidays}
    return _intervals(
        window,
        lambda day: day.weekday() in days and day not in holidays,
        lambda day: (window.offset_of(day, working.start_hour), window.offset_of(day, working.end_hour)),
    )


def weekends(window: Window) -> NDArray[np.int64]:
    """Shape (n, 2): local Saturdays and Sundays within the window, each weekend from midnight to midnight."""
    return _intervals(window, lambda day: day.weekday() >= _SATURDAY, lambda day: (window.offset_of(day, 0), window.offset_of(day, 24)))


def daily_offsets(hour: int, window: Window, margin: int) -> NDArray[np.int64]:
    """The offset of the local `hour` of each day, in order, from `margin` days before the window to as many after it."""
    return np.unique(np.array([window.offset_of(day, hour) for day in window.days(margin)], dtype=np.int64))


def _intervals(window: Window, counts: Callable[[date], bool], span: Callable[[date], tuple[int, int]]) -> NDArray[np.int64]:
    joined: list[tuple[int, int]] = []
    for day in filter(counts, window.days()):
        begin, end = span(day)
        begin, end = max(0, begin), min(window.length_ms, end)
        if begin >= end:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return np.array(joined, dtype=np.int64).reshape(-1, 2)


def _exists(day: date, where: ZoneInfo) -> bool:
    """Samoa had no 30 December 2011: it crossed the date line."""
    noon = datetime.combine(day, time(12), tzinfo=where)
    return from_ms(to_ms(noon)).astimezone(where).date() == day
