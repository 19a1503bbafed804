"""What would make an infeasible run fit: found off the event loop by planning several times more, one run at a time, in nobody's way."""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import demands
from simulation_core.ledger.values import Run
from simulation_core.plan.advice import demand_of
from simulation_core.plan.load import Load
from simulation_core.portals import Portal
from simulation_core.spec import parse_spec
from simulation_operator.planning import LARGE_RECORDS, window_of
from simulation_operator.resource import Key
from simulation_operator.threads import Threads
from simulation_operator.under_way import UnderWay

log = logging.getLogger(__name__)


class Adviser:
    """Asked by the lifecycle for runs whose advice is missing, or was given for other limits than the portal has now."""

    def __init__(self, *, engine: Engine, threads: Threads, one_large: asyncio.Lock) -> None:
        self._engine = engine
        self._threads = threads
        self._one_large = one_large  # the planner's: the operator's memory is meant for one large plan
        self.under_way = UnderWay()
        self._in_vain: set[tuple[UUID, int, int]] = set()  # runs and limits for which a fault of ours came up: not tried for ever

    def start(self, key: Key, run: Run, load: Load, portal: Portal) -> None:
        """Does nothing if it is being found, or could not be."""
        asked = (run.id, portal.calls_per_ten_seconds, portal.calls_per_day)
        if asked not in self._in_vain:
            self.under_way.start(run.id, lambda: self._advise(key, run, load, portal), f"advise {key}")

    async def _advise(self, key: Key, run: Run, load: Load, portal: Portal) -> None:
        try:
            async with self._one_large if run.total_records >= LARGE_RECORDS else nullcontext():
                await self._threads.advice(self._find, run, load, portal)
        except LedgerUnavailableError as error:
            log.warning("advice for %s waits for the next resync: %s", key, error)
        except Exception:
            log.exception("finding advice for %s failed", key)
            self._in_vain.add((run.id, portal.calls_per_ten_seconds, portal.calls_per_day))

    def _find(self, run: Run, load: Load, portal: Portal) -> None:
        start_ms, window_ms = window_of(run)
        demand = demand_of(parse_spec(run.spec), load, portal, start_ms=start_ms, window_ms=window_ms, seed=run.seed)
        demands.store(self._engine, run.id, demand)
