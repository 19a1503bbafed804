"""The claim on a batch, as time: no call may begin that could outlast it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims
from simulation_core.ledger.values import Fence
from simulation_worker.crm.errors import FenceLostError


class Lease:
    """Counts from before the claim was sent, on the monotonic clock: so it ends here before it ends in Postgres."""

    def __init__(
        self,
        engine: Engine,
        fence: Fence,
        *,
        lease_ms: int,
        asked_s: float,
        clock: Callable[[], float] = time.monotonic,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._fence = fence
        self._lease_ms = lease_ms
        self._clock = clock
        self._beat = beat
        self._ends_s = asked_s + lease_ms / 1000

    def left_s(self) -> float:
        return self._ends_s - self._clock()

    def hold_for(self, seconds: float) -> None:
        """Returns once the claim surely lasts that long, renewing it if it must. Raises FenceLostError if it can't.

        Asked before each call, so it is also where a busy worker shows that it isn't stuck: renewals have no end of their own.
        """
        self._beat()
        if self.left_s() > seconds:
            return
        asked_s = self._clock()
        try:
            renewed = claims.renew(self._engine, [self._fence], self._lease_ms)[0]
        except LedgerUnavailableError as error:
            raise FenceLostError(f"the claim can't be renewed: {error}") from error
        if not renewed:
            raise FenceLostError("the claim was not renewed: the run was stopped, or the batch is another worker's")
        self._ends_s = asked_s + self._lease_ms / 1000
