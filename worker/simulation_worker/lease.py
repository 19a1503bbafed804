"""The claims on a load of batches, as time: no call may begin that could outlast them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims, errands
from simulation_core.ledger.errands import ErrandFence
from simulation_core.ledger.values import Fence
from simulation_worker.crm.errors import FenceLostError


class Lease:
    """Batches claimed in one statement, or some of them: they share its time. Used by the slot that delivers them and by the upkeep.

    Counts from before the claim was sent, on the monotonic clock: so it ends here before it ends in Postgres.
    """

    def __init__(
        self,
        engine: Engine,
        fences: Sequence[Fence],
        *,
        lease_ms: int,
        asked_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fences = fences
        self._engine = engine
        self._lease_ms = lease_ms
        self._clock = clock
        self._ends_s = asked_s + lease_ms / 1000
        self._lock = threading.Lock()  # one renewal at a time
        self.beaten_s: float | None = None  # when its slot last began a call: liveness; None until a slot has it

    def left_s(self) -> float:
        return self._ends_s - self._clock()

    def hold_for(self, seconds: float) -> None:
        """Returns once the claims surely last that long, renewing them if it must. Raises FenceLostError if it can't.

        Asked before each call, so it is also where a busy slot shows that it isn't stuck: renewals have no end of their own.
        """
        self.beat()
        with self._lock:
            if self.left_s() <= seconds:
                self._renew()
                if self.left_s() <= seconds:
                    raise FenceLostError("the renewal took so long that the claim doesn't last for the next call")

    def beat(self) -> None:
        """Its slot is not stuck."""
        self.beaten_s = self._clock()

    def keep(self) -> None:
        """Renews them early, when half their time is over: a call that is slow, or a finish that waits, finds them still held."""
        with self._lock:
            if self.left_s() * 2000 > self._lease_ms:
                return
            try:
                self._renew()
            except FenceLostError:
                return  # the slot is told before its next call, which it may not make

    def _renew(self) -> None:
        asked_s = self._clock()
        try:
            renewed = self._ask()
        except LedgerUnavailableError as error:
            raise FenceLostError(f"the claim can't be renewed: {error}") from error
        if not renewed:
            raise FenceLostError("the claim was not renewed: the run was stopped, or the batch is another worker's")
        self._ends_s = asked_s + self._lease_ms / 1000

    def _ask(self) -> bool:
        return all(claims.renew(self._engine, self.fences, self._lease_ms))


class ErrandLease(Lease):
    """The claim on an errand, as time."""

    def __init__(
        self, engine: Engine, fence: ErrandFence, *, lease_ms: int, asked_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(engine, (), lease_ms=lease_ms, asked_s=asked_s, clock=clock)
        self._fence = fence

    def _ask(self) -> bool:
        return errands.renew(self._engine, self._fence, self._lease_ms)
