"""One token bucket for every write to the API server, so that a thousand Simulations can't crowd out the cluster's other users."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

PATIENT_ONE_IN = 16  # so often a patient write passes however many others wait


class Limiter:
    """Lets `burst` writes through at once and `rate_per_second` in the long run, in the order in which they asked.

    Patient writes let the others pass first, but for one in sixteen: what is told about a Simulation must not make what it shows old.
    """

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
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()
        self._passed_by = 0  # writes since the last patient one, while one waited
        self._giving: asyncio.Task[None] | None = None

    async def take(self, *, patient: bool = False) -> float:
        """Waits for this write's turn. Returns the seconds waited."""
        asked_at = self._clock()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._patient if patient else self._waiting).append(turn)
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give(), name="turns to write")
        await turn
        return self._clock() - asked_at

    async def _give(self) -> None:
        """Until nobody waits."""
        while self._waiting or self._patient:
            now = self._clock()
            wait_seconds = self._arrival - self._tolerance - now
            if wait_seconds > 0:
                await self._sleep(wait_seconds)
            turn = self._next()
            if not turn.done():  # else whoever waited has given up
                self._arrival = max(self._arrival, now) + self._interval
                turn.set_result(None)

    def _next(self) -> asyncio.Future[None]:
        if self._patient and (not self._waiting or self._passed_by >= PATIENT_ONE_IN - 1):
            self._passed_by = 0
            return self._patient.popleft()
        self._passed_by += 1 if self._patient else 0
        return self._waiting.popleft()
