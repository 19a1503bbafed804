"""HubSpot's call limits: a rolling ten seconds per app, a second's searches per account, and a day that ends at its midnight."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

WINDOW_SECONDS = 10.0
TEN_SECONDLY = "TEN_SECONDLY_ROLLING"
SECONDLY = "SECONDLY"
DAILY = "DAILY"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The professional tier, unless told otherwise."""

    calls_per_ten_seconds: int = 190
    calls_per_day: int = 625_000
    searches_per_second: int = 5  # of all apps of the account together
    retry_after: bool = True  # whether a 429 carries Retry-After; HubSpot's don't always


class RollingWindow:
    """The calls let through within the last seconds. A refused call doesn't count, so waiting always helps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, seconds: float = WINDOW_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._calls: deque[float] = deque()

    def used(self) -> int:
        while self._calls and self._calls[0] <= self._clock() - self._seconds:
            self._calls.popleft()
        return len(self._calls)

    def take(self, limit: int) -> bool:
        if self.used() >= limit:
            return False
        self._calls.append(self._clock())
        return True

    def seconds_until_free(self) -> float:
        return max(0.0, self._calls[0] + self._seconds - self._clock()) if self._calls else 0.0


class Day:
    """Calls since the last midnight in the account's time zone."""

    def __init__(self, time_zone: str, today: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._zone = ZoneInfo(time_zone)
        self._now = today
        self._date = self._local().date()
        self._calls = 0

    def used(self) -> int:
        date = self._local().date()
        if date != self._date:
            self._date, self._calls = date, 0
        return self._calls

    def take(self, limit: int) -> bool:
        if self.used() >= limit:
            return False
        self._calls += 1
        return True

    def seconds_until_midnight(self) -> float:
        now = self._local()
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), self._zone)
        return (midnight.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def _local(self) -> datetime:
        return self._now().astimezone(self._zone)
