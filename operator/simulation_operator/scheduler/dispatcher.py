"""The dispatcher: once a second, what is due soon or overdue goes from the ledger into Redis. Everything may be offered twice.

Before it offers, it lets missedRecords decide about what was missed; after it offered, it skips what is to be skipped, a little at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.ledger import dispatch, missed, skipping
from simulation_core.ledger.values import Offer
from simulation_core.plan.missed import MISSED_AFTER_MS
from simulation_core.portals import Portals, PortalsFile
from simulation_core.queue.epoch import Epoch
from simulation_core.queue.names import Kind, queue_name
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.reasons import Reason
from simulation_operator.scheduler.decide import behind, ceilings, feeds, not_yet_offered
from simulation_operator.scheduler.metrics import Metrics

log = logging.getLogger(__name__)

HORIZON_MS = 60_000
TRUSTED_TICKS = 10  # then everything is offered again: a loss between a tick's epoch and its offers shows in no counter
UPCOMING_LIMIT = 20_000  # a tick's share of a very dense plan: several seconds' worth, and the next tick comes in one
SWEEP_SECONDS = 0.3  # a tick's share for skipping: offering comes each second, whatever is to be skipped


@dataclass(frozen=True, kw_only=True)
class TickResult:
    """What a tick put into Redis. With a `problem` it did what it could, and the next one does the rest."""

    upcoming: int = 0
    overdue: int = 0
    judged: int = 0  # runs of which records were missed: skipped or shifted
    skipped: int = 0  # records
    queue_lost: bool = False
    problem: Reason | None = None
    message: str = ""


class Dispatcher:
    """Any number may run at once, in scheduler replicas and in the operator: the queue's script skips what is there."""

    def __init__(
        self,
        engine: Engine,
        scheduler: BulkScheduler,
        portals: PortalsFile,
        *,
        horizon_ms: int = HORIZON_MS,
        missed_after_ms: int = MISSED_AFTER_MS,
        metrics: Metrics | None = None,
    ) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._portals = portals
        self._horizon_ms = horizon_ms
        self._missed_after_ms = missed_after_ms
        self._metrics = metrics or Metrics(CollectorRegistry())  # one of its own: nobody asks for it
        self._one_at_a_time = threading.Lock()  # the operator ticks from several threads
        self._epoch = Epoch(scheduler.connection)
        self._offered: frozenset[Offer] = frozenset()  # the last tick's upcoming ones: they are in Redis
        self._ticks = 0
        scheduler.ceilings = ceilings(portals.current)  # the mover may turn before the first tick

    def tick(self) -> TickResult:
        """Offers once. Raises nothing for an outage of Postgres or Redis: the result names it."""
        with self._one_at_a_time, self._metrics.tick_seconds.time():
            try:
                return self._tick()
            except LedgerUnavailableError as error:
                return self._away(Reason.DATABASE_UNAVAILABLE, error)
            except QueueUnavailableError as error:
                self._offered = frozenset()  # who knows what comes back
                return self._away(Reason.QUEUE_UNAVAILABLE, error)

    def _tick(self) -> TickResult:
        portals = self._portals.current
        self._scheduler.ceilings = ceilings(portals)
        lost = self._epoch.lost()
        if lost:
            self._offered = frozenset()
            self._metrics.queue_losses.inc()
            log.warning("Redis lost the queue: everything due within %d s is offered again", self._horizon_ms // 1000)
        self._ticks += 1
        if self._ticks % TRUSTED_TICKS == 0:
            self._offered = frozenset()
        judged = self._judge_missed()
        overdue = self._offer_overdue(portals)
        upcoming = self._offer_upcoming(portals)
        skipped = self._skip()
        return TickResult(upcoming=upcoming, overdue=overdue, judged=judged, skipped=skipped, queue_lost=lost)

    def _judge_missed(self) -> int:
        """Not while Redis is away: a plan is shifted once, when it can go on, and not a minute at a time."""
        judged = missed.judge_running(self._engine, missed_after_ms=self._missed_after_ms)
        for one in judged:
            self._metrics.judged.labels(one.missed.reason.value).inc()
        return len(judged)

    def _skip(self) -> int:
        """In turns between the runs, until nothing is left or the tick's share is used up; the next one goes on."""
        until_s = time.monotonic() + SWEEP_SECONDS
        skipped = 0
        turns = deque(skipping.runs_to_sweep(self._engine))
        while turns:
            run = turns.popleft()
            swept = skipping.sweep(self._engine, run, limit=skipping.BATCHES_A_STATEMENT)
            skipped += swept.records
            if swept.batches == skipping.BATCHES_A_STATEMENT:
                turns.append(run)
            if time.monotonic() >= until_s:
                break
        self._metrics.skipped.inc(skipped)
        return skipped

    def _offer_upcoming(self, portals: Portals) -> int:
        upcoming = dispatch.upcoming(self._engine, horizon_ms=self._horizon_ms, limit=UPCOMING_LIMIT)
        added = self._offer(not_yet_offered(upcoming, portals, self._offered), "upcoming")
        self._offered = frozenset(offer for offer in upcoming if offer.portal in portals)
        return added

    def _offer_overdue(self, portals: Portals) -> int:
        with_work = [portal for portal in dispatch.portals_with_work(self._engine) if portal in portals]
        lengths = self._scheduler.queued([queue_name(Kind.DELIVER, portal) for portal in with_work])
        queued = dict(zip(with_work, lengths, strict=True))
        for portal, length in queued.items():
            self._metrics.queued.labels(portal).set(length)
        fed = feeds(with_work, portals, queued)
        overdue = {feed.portal: dispatch.overdue(self._engine, feed.portal, limit=feed.limit) for feed in fed}
        self._scheduler.behind = behind(fed, with_work, {portal: len(offers) for portal, offers in overdue.items()})
        return sum(self._offer(offers, "overdue") for offers in overdue.values())

    def _offer(self, offers: Sequence[Offer], what: str) -> int:
        added = self._scheduler.schedule_offers(offers)
        self._metrics.offered.labels(what).inc(added)
        return added

    def _away(self, reason: Reason, error: Exception) -> TickResult:
        self._metrics.problems.labels(reason.value).inc()
        return TickResult(problem=reason, message=str(error))
