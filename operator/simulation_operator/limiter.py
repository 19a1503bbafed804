"""One token bucket for every write to the API server, so that a thousand Simulations can't crowd out the cluster's other users."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Limiter:
    """Lets `burst` writes through at once and `rate_per_second` in the long run, in the order in which they asked."""

    def __init__(
        self,
        *,
        rate_per_second: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rate_per_second = rate_per_second
        self._interval = 1 / rate_per_second
        self._tolerance = (burst - 1) * self._interval
        self._clock = clock
        self._sleep = sleep
        self._arrival = clock()  # when the next write would be due if they came evenly (GCRA's theoretical arrival time)
        self._turn = asyncio.Lock()

    async def take(self) -> float:
        """Waits for this write's turn. Returns the seconds waited."""
        asked_at = self._clock()
        async with self._turn:
            now = self._clock()
            wait_seconds = self._arrival - self._tolerance - now
            if wait_seconds > 0:
                await self._sleep(wait_seconds)
            self._arrival = max(self._arrival, now) + self._interval
        return self._clock() - asked_at
