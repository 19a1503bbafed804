"""Observe, decide, apply, for one key at a time: from any event, from a retry, from the periodic list."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from simulation_core.errors import LedgerUnavailableError
from simulation_operator.api import ApiError
from simulation_operator.keys import KeyQueue
from simulation_operator.leadership import Leadership
from simulation_operator.lifecycle.actions import Decision, Plan, Wait
from simulation_operator.lifecycle.apply import Applier
from simulation_operator.lifecycle.decide import decide
from simulation_operator.lifecycle.observe import Observation, Observer
from simulation_operator.metrics import Metrics
from simulation_operator.resource import Key
from simulation_operator.setbacks import Setbacks

log = logging.getLogger(__name__)

WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    queue: KeyQueue[Key]
    observer: Observer
    applier: Applier
    leadership: Leadership
    metrics: Metrics
    setbacks: Setbacks

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            for number in range(WORKERS):
                workers.create_task(self._work(), name=f"reconcile {number}")

    async def attempt(self, key: Key) -> None:
        """A reconcile whose failure is counted and tried again; raises nothing."""
        try:
            await self.reconcile(key)
        except (LedgerUnavailableError, ApiError) as error:
            self._again(key, error)
        except Exception as error:
            log.exception("reconciling %s failed", key)
            self.setbacks.add(key)
            self._again(key, error)

    async def reconcile(self, key: Key) -> None:
        self.applier.begin(key)
        decision = await self._carry_out(key, await self.observer.observe(key))
        if not isinstance(decision.action, Plan):
            self.setbacks.clear(key)
        if not isinstance(decision.action, Wait | Plan):  # a plan is only begun by then; the planner says how it went
            self.queue.forget(key)

    async def _carry_out(self, key: Key, seen: Observation) -> Decision:
        """The last decision."""
        decision = decide(seen)
        log.debug("%s: %s (%s)", key, type(decision.action).__name__, decision.message)
        self.metrics.reconciles.labels(type(decision.action).__name__).inc()
        now = await self.applier.apply(seen, decision)
        if now is None:
            return decision
        self.setbacks.clear(key)
        self.queue.forget(key)
        if not self.leadership.leading:  # any more
            self.queue.add(key)
            return decision
        return await self._carry_out(key, now)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                await self.leadership.wait()
                self.metrics.queue_depth.set(len(self.queue))
                await self.attempt(key)
            finally:
                self.queue.done(key)

    def _again(self, key: Key, error: Exception) -> None:
        self.metrics.failures.labels(type(error).__name__).inc()
        if not self.queue.retry(key):
            log.error("%s failed too often; it waits for the next resync: %s", key, error)
