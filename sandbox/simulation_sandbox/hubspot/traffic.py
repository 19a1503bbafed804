"""What was called, and how fast records came in: for the page and for whoever proves something from outside."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

from simulation_sandbox.hubspot.answers import Json
from simulation_sandbox.hubspot.limits import WINDOW_SECONDS

KEPT_SECONDS = 120


class Traffic:
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._calls: Counter[tuple[str, str, int]] = Counter()
        self._recent: deque[float] = deque()
        self._written: dict[int, int] = {}  # second → records

    def called(self, method: str, path: str, status: int, records: int) -> None:
        """`status` 0: the connection was cut, nobody got an answer."""
        now = self._clock()
        self._calls[method, path, status] += 1
        if status != 429:  # a refused call doesn't use up the limit
            self._recent.append(now)
        self._trim(now)
        if records:
            second = int(now)
            self._written[second] = self._written.get(second, 0) + records
            for old in [s for s in self._written if s < second - KEPT_SECONDS]:
                del self._written[old]

    def last_ten_seconds(self) -> int:
        self._trim(self._clock())
        return len(self._recent)

    def records_per_second(self, seconds: int = 60) -> list[int]:
        """The last whole seconds, oldest first."""
        now = int(self._clock())
        return [self._written.get(second, 0) for second in range(now - seconds, now)]

    def by_path(self) -> list[Json]:
        ordered = sorted(self._calls.items())
        return [{"method": method, "path": path, "status": status, "count": count} for (method, path, status), count in ordered]

    @property
    def total(self) -> int:
        return self._calls.total()

    def _trim(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - WINDOW_SECONDS:
            self._recent.popleft()
