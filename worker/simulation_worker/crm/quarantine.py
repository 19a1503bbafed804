"""Which runs spoiled a call that others shared, and how many calls may go into finding out by which record. One for each portal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from simulation_worker.crm.suspects import Suspects

AT_ONCE = 7  # halving a hundred records down to one takes so many calls in a row; with fewer a round might settle none of them
GOOD_FOR_SECONDS = 10.0


class Quarantine:
    """A run is kept apart from others until a delivery of its own went without a refusal.

    `grant` is asked for so many calls for finding out, and says how many it gives.
    """

    def __init__(self, grant: Callable[[int], int], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._grant = grant
        self._left = 0
        self._good_until_s = 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self.apart: frozenset[str] = frozenset()  # simulations' ids
        self.suspects = Suspects(clock=clock)

    def may_search(self) -> bool:
        """Takes one of the calls for finding out; False: not now."""
        if self._take():
            return True
        granted, until_s = self._grant(AT_ONCE), self._clock() + GOOD_FOR_SECONDS
        with self._lock:
            self._left, self._good_until_s = granted, until_s
        return self._take()

    def _take(self) -> bool:
        with self._lock:
            if self._left < 1 or self._clock() >= self._good_until_s:
                return False
            self._left -= 1
            return True

    def learn(self, served: Collection[str], spoilt: Collection[str]) -> None:
        """How a delivery went: of these runs something was written, and those had a call refused that was about them alone."""
        if spoilt or self.apart:
            with self._lock:
                self.apart = (self.apart - frozenset(served)) | frozenset(spoilt)
