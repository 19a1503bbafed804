"""What stands in while Redis is away: this process paces itself, at its share of what all workers may do together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from simulation_worker.budget.limits import Limit


class LocalPace:
    """GCRA in memory. It starts as if it had just spent its burst, because somebody may have."""

    def __init__(self, limit: Limit, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._spacing_s = limit.spacing_us / 1e6
        self._tolerance_s = limit.tolerance_us / 1e6
        self._clock = clock
        self._lock = threading.Lock()
        self._tat_s = clock() + self._tolerance_s  # the theoretical arrival time

    def reserve(self) -> float:
        """Takes the next free moment; how many seconds it lies ahead."""
        with self._lock:
            now_s = self._clock()
            self._tat_s = max(self._tat_s, now_s) + self._spacing_s
            return max(0.0, self._tat_s - self._spacing_s - self._tolerance_s - now_s)
