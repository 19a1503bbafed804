"""Which runs spoiled a call that others shared, and how many calls may go into finding out by which record. One for each portal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from simulation_worker.crm.suspects import Suspects

# Halving a hundred records down to one takes seven calls in a row, and a conflict a question before: with fewer a round might settle none.
AT_ONCE = 8
GOOD_FOR_SECONDS = 10.0


class _Granted(threading.local):
    left = 0
    good_until_s = 0.0


class Quarantine:
    """A run is kept apart from others until a delivery of its own went without a refusal.

    `grant` is asked for so many calls for finding out, and says how many it gives.
    """

    def __init__(self, grant: Callable[[int], int], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._grant = grant
        self._granted = _Granted()
        self.clock = clock
        self._lock = threading.Lock()
        self.apart: frozenset[str] = frozenset()  # simulations' ids
        self.suspects = Suspects(clock=clock)

    def may_search(self) -> bool:
        """Takes one of the calls for finding out; False: not now. Each thread has its own: sharing them, two would get nowhere."""
        granted, now_s = self._granted, self.clock()
        if granted.left < 1 or now_s >= granted.good_until_s:
            granted.left, granted.good_until_s = self._grant(AT_ONCE), now_s + GOOD_FOR_SECONDS
        if granted.left < 1:
            return False
        granted.left -= 1
        return True

    def learn(self, served: Collection[str], spoilt: Collection[str]) -> None:
        """How a delivery went: of these runs something was written, and those had a call refused that was about them alone."""
        if spoilt or self.apart:
            with self._lock:
                self.apart = (self.apart - frozenset(served)) | frozenset(spoilt)
