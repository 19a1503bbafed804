"""A walk through what falls due within the horizon, page by page, that goes on where it left off."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.ledger import dispatch
from simulation_core.ledger.dispatch import Mark
from simulation_core.ledger.offers import Offers

PAGE = 5_000  # batches: some twenty milliseconds of Postgres, of one run or of a thousand, and a megabyte
NEAR_MS = 2_000  # the first ring
FAR_BEHIND = 4  # a run that was published or resumed far inside the ring is walked nearest first as well


class Walk:
    """Comes by each batch once: a run that is new, was resumed or was shifted has no mark that holds, and is walked from now on.

    What takes more than a page is walked in rings: all that is due within the next seconds first, then twice as far. Runs share a page, and
    a dense one among many would come to what is due in a second after the others' whole minute.
    """

    def __init__(self, engine: Engine, offer: Callable[[Offers], int], *, horizon_ms: int) -> None:
        self._engine = engine
        self._offer = offer
        self._horizon_ms = horizon_ms
        self._reach_ms = horizon_ms
        self._marks: Mapping[UUID, Mark] = {}
        self.complete = True  # nothing was left when it last went on; what it comes by later it gets by going on

    def begin_anew(self) -> None:
        self._marks = {}
        self._begin_beyond(0)

    def go_on(self, portals: Collection[str], *, seconds: float) -> int:
        """To the end of the horizon, or for that long, and a page at least. Returns how many were put into Redis.

        Raises LedgerUnavailableError and QueueUnavailableError; then it goes on with the page that failed.
        """
        until_s = time.monotonic() + seconds
        added = 0
        while True:
            page = dispatch.page(self._engine, self._marks, horizon_ms=self._reach_ms, limit=PAGE, portals=portals)
            added += self._offer(page.offers)
            self._marks = page.marks
            self._reached(page.left_at_ms)
            if self.complete or (page.offers and time.monotonic() >= until_s):
                return added

    def _reached(self, left_at_ms: int | None) -> None:
        if left_at_ms is None:
            self.complete = self._reach_ms == self._horizon_ms
            self._reach_ms = min(self._horizon_ms, 2 * self._reach_ms)
        elif self.complete or left_at_ms < self._reach_ms // FAR_BEHIND:
            self._begin_beyond(left_at_ms)

    def _begin_beyond(self, walked_ms: int) -> None:
        """With the nearest ring that isn't walked: where only the last second is new, that is the last one."""
        self._reach_ms = NEAR_MS
        while self._reach_ms <= walked_ms:
            self._reach_ms *= 2
        self._reach_ms = min(self._horizon_ms, self._reach_ms)
        self.complete = False
