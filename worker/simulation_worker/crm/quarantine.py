"""Which runs spoiled a call that others shared, and how many calls may go into finding out by which record. One for each portal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from simulation_worker.crm.suspects import Suspects

SHARE = 10  # of the portal's budget: a tenth
LEAST_CALLS = 10  # in ten seconds: halving a hundred records takes fourteen, and each of them settles some


class Quarantine:
    """A run is kept apart from others until a delivery of its own went without a refusal."""

    def __init__(self, calls_per_ten_seconds: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = max(LEAST_CALLS, calls_per_ten_seconds // SHARE)
        self._left = float(self._most)
        self._clock = clock
        self._counted_s = clock()
        self._lock = threading.Lock()
        self.apart: frozenset[str] = frozenset()  # simulations' ids
        self.suspects = Suspects(clock=clock)

    def may_search(self) -> bool:
        """Takes one of the calls for finding out; False: not now."""
        with self._lock:
            now_s = self._clock()
            self._left = min(self._most, self._left + (now_s - self._counted_s) * self._most / 10)
            self._counted_s = now_s
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def learn(self, served: Collection[str], spoilt: Collection[str]) -> None:
        """How a delivery went: of these runs something was written, and those had a call refused that was about them alone."""
        if spoilt or self.apart:
            with self._lock:
                self.apart = (self.apart - frozenset(served)) | frozenset(spoilt)
