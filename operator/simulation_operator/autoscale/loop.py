"""Keeps the worker Deployment at what the backlog asks for: observe, decide, apply, every other second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.backlog import backlog
from simulation_core.portals import PortalsFile
from simulation_operator.api import Api, ApiError
from simulation_operator.autoscale.decide import Decision, Demand, Observation, decide, wanted_replicas
from simulation_operator.leadership import Leadership
from simulation_operator.metrics import Metrics
from simulation_operator.settings import OperatorSettings
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0


@dataclass(kw_only=True)
class Autoscaler:
    api: Api
    engine: Engine
    threads: Threads
    leadership: Leadership
    portals: PortalsFile
    settings: OperatorSettings
    metrics: Metrics
    deployment: str
    clock: Callable[[], float] = time.monotonic
    _needed_at: float | None = field(default=None)  # when as many replicas as there are were last needed
    _said: str = ""

    async def run(self) -> None:
        while True:
            await self.leadership.wait()
            try:
                seen = await self.observe()
                await self.apply(seen, decide(seen))
            except ApiError as error:
                self._say_once(f"the workers can't be scaled: {error}")
            except Exception:
                log.exception("scaling failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def observe(self) -> Observation:
        seen = Observation(
            demand=await self._demand(),
            replicas=await self.api.replicas(self.settings.namespace, self.deployment),
            batches_per_replica=self.settings.batches_per_worker,
            quiet_seconds=0.0,
            quiet_window_seconds=self.settings.quiet_seconds,
            lead_seconds=self.settings.worker_lead_seconds,
            minimum=self.settings.minimum_workers,
            maximum=self.settings.maximum_workers,
        )
        return self._with_quiet(seen)

    async def apply(self, seen: Observation, decision: Decision) -> None:
        self.metrics.workers_wanted.clear()
        self.metrics.workers_wanted.labels(decision.reason.value).set(decision.replicas)
        if decision.replicas == seen.replicas:
            return
        await self.api.scale(self.settings.namespace, self.deployment, decision.replicas)
        self._needed_at = self.clock()
        log.info("workers: %d → %d (%s: %s)", seen.replicas, decision.replicas, decision.reason, decision.message)

    def _with_quiet(self, seen: Observation) -> Observation:
        now = self.clock()
        if self._needed_at is None or seen.demand is None or wanted_replicas(seen.demand, seen) >= seen.replicas:
            self._needed_at = now
        return replace(seen, quiet_seconds=now - self._needed_at)

    async def _demand(self) -> Demand | None:
        try:
            lead_ms = self.settings.worker_lead_seconds * 1000
            most = self.settings.maximum_workers * self.settings.batches_per_worker  # no more workers are asked for however much there is
            found = await self.threads.ledger(backlog, self.engine, portals=list(self.portals.current), lead_ms=lead_ms, most=most)
        except LedgerUnavailableError:
            return None
        return Demand(due=found.due, due_within_lead=found.due_within_lead)

    def _say_once(self, message: str) -> None:
        if message != self._said:
            log.warning("%s", message)
            self._said = message
