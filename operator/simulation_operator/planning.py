"""Planning off the event loop: due times computed once, stored in bounded transactions from the watermark on, published once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from sqlalchemy import Engine

from simulation_core.errors import LedgerBusyError, LedgerUnavailableError, QueueUnavailableError, SpecError
from simulation_core.ledger import partitions, plans, runs, statistics
from simulation_core.ledger.values import Run
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.load import load_of
from simulation_core.reasons import Reason
from simulation_core.spec import Spec, parse_spec
from simulation_operator.keys import KeyQueue
from simulation_operator.resource import Key
from simulation_operator.setbacks import Setbacks
from simulation_operator.threads import Threads
from simulation_operator.under_way import UnderWay

log = logging.getLogger(__name__)

OFFER_PAUSE_SECONDS = 0.5  # a tick looks at every run: of a thousand plans not each may bring its own
LARGE_RECORDS = 1_000_000
"""From here on a plan takes memory that counts (8 bytes a record, 18 a batch): one at a time, and it takes one of several places only."""


class Planner:
    """A few plans at a time. A plan that was interrupted is made again, bit for bit the same, and stored from the watermark on."""

    def __init__(
        self,
        *,
        engine: Engine,
        threads: Threads,
        queue: KeyQueue[Key],
        setbacks: Setbacks,
        one_large: asyncio.Lock,
        dispatch: Callable[[], object],
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._queue = queue
        self._setbacks = setbacks
        self._dispatch = dispatch  # one tick of the dispatcher, so that records due within seconds are offered at once
        self._one_dispatch = asyncio.Lock()
        self._dispatch_waits = False
        self._room = asyncio.Semaphore(threads.plans_at_once)
        self._one_large = one_large
        self.under_way = UnderWay()

    def start(self, key: Key, run: Run) -> None:
        """Does nothing if this run is being planned. Ends by letting the lifecycle look at the Simulation again."""
        self.under_way.start(run.id, lambda: self._plan(key, run), f"plan {key}")

    async def _plan(self, key: Key, run: Run) -> None:
        try:
            async with self._place(run), self._room:
                await self._threads.plan(self._store, run)
            self._setbacks.clear(key)
            self._queue.forget(key)
            self._queue.add(key)
            await self._offer()
        except (LedgerUnavailableError, LedgerBusyError) as error:
            log.warning("planning %s waits: %s", key, error)
            self._queue.retry(key)
        except QueueUnavailableError as error:
            log.warning("%s is planned; the scheduler will offer its batches: %s", key, error)
        except Exception:
            log.exception("planning %s failed", key)
            self._setbacks.add(key)
            self._queue.retry(key)

    def _place(self, run: Run) -> AbstractAsyncContextManager[object]:
        """The operator's memory limit is meant for one large plan; small ones pass those that wait for their turn."""
        return self._one_large if run.total_records >= LARGE_RECORDS else nullcontext()

    async def _offer(self) -> None:
        """One tick offers every plan that is there by then, so at most one waits: a hanging Redis must not take all ledger threads."""
        if self._dispatch_waits:
            return
        self._dispatch_waits = True
        async with self._one_dispatch:
            self._dispatch_waits = False
            await self._threads.ledger(self._dispatch)
            await asyncio.sleep(OFFER_PAUSE_SECONDS)

    def _store(self, run: Run) -> None:
        try:
            spec, plan = _plan_of(run)
        except SpecError as error:
            runs.mark_failed(self._engine, run.id, Reason.SPEC_INVALID, f"{error}. Create the Simulation again")
            return
        partitions.ensure(self._engine, run.id, batches=len(plan.batches))
        stored = 0  # where an earlier attempt was interrupted is told by the first call
        while stored < len(plan.batches):
            stored = plans.store(self._engine, run.id, plan, stored)
        statistics.gather(self._engine, run.id, batches=len(plan.batches))
        plans.publish(self._engine, run.id, plan, load_of(spec, plan, seed=run.seed))


def _plan_of(run: Run) -> tuple[Spec, Plan]:
    spec, (start_ms, window_ms) = parse_spec(run.spec), window_of(run)
    return spec, make_plan(spec, start_ms=start_ms, window_ms=window_ms, seed=run.seed, version=run.plan_version)


def window_of(run: Run) -> tuple[int, int]:
    """Start (Unix epoch) and length, in milliseconds."""
    if run.start_ms is None or run.end_ms is None:
        raise ValueError(f"run {run.id} has no window yet")
    return run.start_ms, run.end_ms - run.start_ms
