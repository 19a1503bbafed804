"""The dispatcher: once a second, what is due soon or overdue goes from the ledger into Redis. Everything may be offered twice.

Before it offers, it lets missedRecords decide about what was missed; after it offered, it skips what is to be skipped, a little at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from simulation_core.clock import now_ms
from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.ledger import dispatch, missed, preparing, skipping
from simulation_core.ledger import errands as ledger_errands
from simulation_core.ledger.offers import Offers
from simulation_core.plan.missed import MISSED_AFTER_MS
from simulation_core.portals import Portals, PortalsFile
from simulation_core.queue.epoch import Epoch
from simulation_core.queue.names import job_id, queue_name
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.reasons import Reason
from simulation_operator.scheduler.decide import Feed, behind, by_queue, ceilings, feeds
from simulation_operator.scheduler.metrics import Metrics
from simulation_operator.scheduler.mix import Mix
from simulation_operator.scheduler.turns import Turns
from simulation_operator.scheduler.walk import Walk

log = logging.getLogger(__name__)

HORIZON_MS = 60_000
PREPARE_LEAD_MS = 120_000  # a language model has so long: two answers of 45 s, and a turn in the queue
TRUSTED_TICKS = 30  # then everything is offered again: a loss between a tick's epoch and its offers shows in no counter
UPCOMING_SECONDS = 0.4  # a tick's share for what is new in the horizon; a dense run that was just published takes several
RECONCILE_SECONDS = 0.05  # a tick's share for offering again: a page at least, which is what falls due in a second of the densest traffic
WAITING_LIMIT = 5_000  # of what waits to be tried again the earliest: they are all looked at in each tick
ERRANDS_LIMIT = 100  # of a portal and kind: as many as its queue may hold
SWEEP_SECONDS = 0.3  # a tick's share for skipping: offering comes each second, whatever is to be skipped


@dataclass(frozen=True, kw_only=True)
class TickResult:
    """What a tick put into Redis. With a `problem` it did what it could, and the next one does the rest."""

    upcoming: int = 0
    overdue: int = 0
    judged: int = 0  # runs of which records were missed: skipped or shifted
    skipped: int = 0  # records
    errands: int = 0
    queue_lost: bool = False
    problem: Reason | None = None
    message: str = ""


class Dispatcher:
    """Any number may run at once, in scheduler replicas and in the operator: the queue's script skips what is there."""

    def __init__(  # noqa: PLR0913 - each of its moments is a setting of its own
        self,
        engine: Engine,
        scheduler: BulkScheduler,
        portals: PortalsFile,
        *,
        horizon_ms: int = HORIZON_MS,
        missed_after_ms: int = MISSED_AFTER_MS,
        prepare_lead_ms: int = PREPARE_LEAD_MS,
        metrics: Metrics | None = None,
    ) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._portals = portals
        self._horizon_ms = horizon_ms
        self._missed_after_ms = missed_after_ms
        self._prepare_lead_ms = prepare_lead_ms
        self._metrics = metrics or Metrics(CollectorRegistry())  # one of its own: nobody asks for it
        self._one_at_a_time = threading.Lock()  # the operator ticks from several threads
        self._epoch = Epoch(scheduler.connection)
        self._mix = Mix()
        self._turns = Turns()
        self._upcoming = Walk(engine, self._offer_upcoming, horizon_ms=horizon_ms)
        self._again = Walk(engine, self._offer_again, horizon_ms=horizon_ms)
        self._ticks = 0
        self._ceilings = ceilings(portals.current, {})
        scheduler.ceilings = by_queue(self._ceilings)  # the mover may turn before the first tick

    def tick(self) -> TickResult:
        """Offers once. Raises nothing for an outage of Postgres or Redis: the result names it."""
        with self._one_at_a_time, self._metrics.tick_seconds.time():
            try:
                return self._tick()
            except LedgerUnavailableError as error:
                return self._away(Reason.DATABASE_UNAVAILABLE, error)
            except QueueUnavailableError as error:
                self._upcoming.begin_anew()  # who knows what comes back
                return self._away(Reason.QUEUE_UNAVAILABLE, error)

    def _tick(self) -> TickResult:
        portals = self._portals.current
        self._keep_ceilings(portals)
        lost = self._epoch.lost()
        if lost:
            self._upcoming.begin_anew()
            self._metrics.queue_losses.inc()
            log.warning("Redis lost the queue: everything due within %d s is offered again", self._horizon_ms // 1000)
        judged = self._judge_missed()
        overdue = self._offer_overdue(portals)
        upcoming = self._upcoming.go_on(portals, seconds=UPCOMING_SECONDS)
        upcoming += self._offer_waiting(portals)
        upcoming += self._reconcile(portals)
        errands = self._offer_errands(portals)
        skipped = self._skip()
        return TickResult(upcoming=upcoming, overdue=overdue, judged=judged, skipped=skipped, errands=errands, queue_lost=lost)

    def _keep_ceilings(self, portals: Portals) -> None:
        self._ceilings = ceilings(portals, self._mix.records_a_batch(now_ms()))
        self._scheduler.ceilings = by_queue(self._ceilings)

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

    def _reconcile(self, portals: Portals) -> int:
        """Everything within the horizon again, a little a tick, as a net below marks and epoch."""
        self._ticks += 1
        if self._ticks % TRUSTED_TICKS == 0 and self._again.complete:
            self._again.begin_anew()
        return 0 if self._again.complete else self._again.go_on(portals, seconds=RECONCILE_SECONDS)

    def _offer_upcoming(self, offers: Offers) -> int:
        self._mix.saw_upcoming(offers)
        return self._offer(offers, "upcoming")

    def _offer_again(self, offers: Offers) -> int:
        return self._offer(offers, "upcoming")

    def _offer_waiting(self, portals: Portals) -> int:
        return self._offer(dispatch.waiting(self._engine, horizon_ms=self._horizon_ms, limit=WAITING_LIMIT, portals=portals), "upcoming")

    def _offer_overdue(self, portals: Portals) -> int:
        with_work = [portal for portal in dispatch.portals_with_work(self._engine) if portal in portals]
        lengths = self._scheduler.queued([queue_name(Kind.DELIVER, portal) for portal in with_work])
        queued = dict(zip(with_work, lengths, strict=True))
        for portal, length in queued.items():
            self._metrics.queued.labels(portal).set(length)
        fed = feeds(with_work, self._ceilings, queued)
        overdue = {feed.portal: self._overdue(feed) for feed in fed}
        self._keep_ceilings(portals)  # by the batches it sees now
        self._scheduler.behind = behind(fed, with_work, {portal: len(offers) for portal, offers in overdue.items()})
        return sum(self._feed(portal, offers) for portal, offers in overdue.items())

    def _overdue(self, feed: Feed) -> Offers:
        offers = dispatch.overdue(self._engine, feed.portal, limit=feed.limit, served=self._turns.served(feed.portal))
        is_behind = len(offers) >= feed.limit
        self._mix.saw_overdue(feed.portal, offers, is_behind=is_behind)
        if not is_behind:
            self._turns.forget(feed.portal)
        return offers

    def _feed(self, portal: str, overdue: Offers) -> int:
        offers = self._not_queued(overdue, portal)
        added = self._offer(offers, "overdue")
        self._turns.note(portal, offers, added)
        return added

    def _not_queued(self, offers: Offers, portal: str) -> Offers:
        """The script would skip the others as well, but read the whole queue for each few hundred of them."""
        queued = self._scheduler.waiting_in(queue_name(Kind.DELIVER, portal)) if offers else ()
        return offers.chosen([job_id(each.simulation_id, each.batch, each.attempt) not in queued for each in offers]) if queued else offers

    def _offer_errands(self, portals: Portals) -> int:
        """All that is wanted now or soon, each tick: they are few, and what is in Redis already is skipped there."""
        preparing.open_pages(self._engine, portals=portals, lead_ms=self._prepare_lead_ms)
        wanted = ledger_errands.offers(self._engine, portals=portals, horizon_ms=self._horizon_ms, limit=ERRANDS_LIMIT)
        added = sum(self._scheduler.schedule_offers(offers, Kind(kind)) for kind, offers in wanted.items())
        self._metrics.offered.labels("errand").inc(added)
        return added

    def _offer(self, offers: Offers, what: str) -> int:
        added = self._scheduler.schedule_offers(offers)
        self._metrics.offered.labels(what).inc(added)
        return added

    def _away(self, reason: Reason, error: Exception) -> TickResult:
        self._metrics.problems.labels(reason.value).inc()
        return TickResult(problem=reason, message=str(error))
