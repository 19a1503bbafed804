"""Keeping below HubSpot's calls per ten seconds, so that in the normal case it never has to say no."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WINDOW_SECONDS = 10
SCARCE_SECONDS = 5.0  # for so long after a call had to wait, calls are worth saving
WORTH_SAVING_SECONDS = 0.05
BURST_SHARE = 0.08  # of the limit; HubSpot's own 190 become 15 at once and 17.5 a second


class Pace:
    """GCRA: a burst, then a steady rate, with burst + 10 s × rate ≤ limit, so that no ten seconds hold more than the limit.

    (A bucket of the whole limit that refills at limit/10 would let nearly twice the limit through in its first ten seconds.)
    This process's own calls only; it starts as if it had just spent its burst, because the process before it may have.
    """

    def __init__(
        self,
        calls_per_ten_seconds: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        burst = max(1, int(calls_per_ten_seconds * BURST_SHARE))
        rate = max(calls_per_ten_seconds - burst, 1) / WINDOW_SECONDS
        self._interval = 1 / rate
        self._tolerance = (burst - 1) * self._interval
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock() + self._tolerance  # the theoretical arrival time
        self._waited_s = float("-inf")  # when a call last had to wait

    def reserve(self) -> float:
        """Takes the next free moment; how many seconds it lies ahead."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now) + self._interval
            return max(0.0, self._next - self._interval - self._tolerance - now)

    def wait(self) -> None:
        if seconds := self.reserve():
            if seconds > WORTH_SAVING_SECONDS:
                self._waited_s = self._clock()
            self._sleep(seconds)

    @property
    def scarce(self) -> bool:
        """Whether more is wanted than the portal allows."""
        return self._clock() - self._waited_s < SCARCE_SECONDS
