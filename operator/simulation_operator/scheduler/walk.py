"""A walk through what falls due within the horizon, page by page, that goes on where it left off."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.ledger import dispatch
from simulation_core.ledger.dispatch import Mark
from simulation_core.ledger.offers import Offers

PAGE = 5_000  # batches: some ten milliseconds of Postgres, and a megabyte


class Walk:
    """Comes by each batch once: a run that is new, was resumed or was shifted has no mark that holds, and is walked from now on."""

    def __init__(self, engine: Engine, offer: Callable[[Offers], int], *, horizon_ms: int) -> None:
        self._engine = engine
        self._offer = offer
        self._horizon_ms = horizon_ms
        self._marks: Mapping[UUID, Mark] = {}
        self.complete = True  # nothing was left when it last went on; what it comes by later it gets by going on

    def begin_anew(self) -> None:
        self._marks = {}
        self.complete = False

    def go_on(self, portals: Collection[str], *, seconds: float) -> int:
        """To the end of the horizon, or for that long, and a page at least. Returns how many were put into Redis.

        Raises LedgerUnavailableError and QueueUnavailableError; then it goes on with the page that failed.
        """
        until_s = time.monotonic() + seconds
        added = 0
        while True:
            page = dispatch.page(self._engine, self._marks, horizon_ms=self._horizon_ms, limit=PAGE, portals=portals)
            added += self._offer(page.offers)
            self._marks, self.complete = page.marks, page.complete
            if page.complete or time.monotonic() >= until_s:
                return added
