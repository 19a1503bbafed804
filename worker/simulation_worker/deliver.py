"""One batch: claim it, make its content, deliver it, and record each record's outcome. What goes wrong leaves the ledger able to go on."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.content.faker_source import FALLBACK_LOCALE, FakerSource, knows
from simulation_core.content.keys import Identity
from simulation_core.content.values import Record
from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims, finishes
from simulation_core.ledger.values import Claimed, ClaimRequest, Early, Fence, Finish, Outcome, RecordResult, Refused, Run
from simulation_core.reasons import Reason
from simulation_core.spec import Content, Records, Scenario
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.crm.fates import Delivered, Postponed, RecordFate, Rejected
from simulation_worker.crm.properties import Marks
from simulation_worker.desk import Desk
from simulation_worker.lease import Lease
from simulation_worker.metrics import Metrics
from simulation_worker.retry import after_crash_ms, retry_after_ms

log = logging.getLogger(__name__)

LEASE_MS = round(3 * CALL_DEADLINE_SECONDS * 1000)  # at least twice a call's deadline, so that a call fits after a renewal
FINISH_AGAIN_SECONDS = 0.5
MOST_CRASHES = 3  # attempts in a row that ended without an answer, whether the worker died or raised: then the batch is given up


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended. `again_after_ms`: the same job should come back; else the ledger offers whatever is left."""

    what: str
    again_after_ms: int | None = None


class Delivery:
    """Everything a deliver job needs; built in main.py and held by the worker."""

    def __init__(
        self,
        engine: Engine,
        *,
        metrics: Metrics,
        lease_ms: int = LEASE_MS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._lease_ms = lease_ms
        self._clock = clock
        self._pause = pause
        self._dice = dice
        self._warned_of: set[UUID] = set()  # runs whose locale is unknown: few, each told once
        self._cut_off: list[Fence] = []  # claims that an outage of Postgres kept from being ended

    def deliver(self, request: ClaimRequest, desk: Desk, beat: Callable[[], None] = lambda: None) -> Ending:
        """`beat` is called once the batch is claimed, and before each further step that may take long.

        Raises LedgerUnavailableError only before anything was begun (or claimed without our knowing: then the lease runs out).
        """
        ending = self._deliver(request, desk, beat)
        self._metrics.jobs.labels(ending.what).inc()
        return ending

    def _deliver(self, request: ClaimRequest, desk: Desk, beat: Callable[[], None]) -> Ending:
        if not desk.make_ready():
            return Ending(what="portal held", again_after_ms=round(desk.held_for_s * 1000))
        self._give_back_cut_off()
        asked_s = self._clock()
        result = claims.claim(self._engine, [request], lease_ms=self._lease_ms)[0]
        match result:
            case Early():
                return Ending(what="early", again_after_ms=max(1, result.remaining_ms))
            case Refused():
                log.debug("batch %d of %s, attempt %d: %s", request.batch, request.simulation_id, request.attempt, result.why)
                return Ending(what="refused")
            case Claimed():
                answered_s = self._clock()
                beat()
                lease = Lease(self._engine, result.fence, lease_ms=result.lease_ms, asked_s=asked_s, clock=self._clock, beat=beat)
                if result.crashes >= MOST_CRASHES:
                    return self._give_up(result, lease, "the workers that had it died; their logs or their nodes' may say why")
                return self._carry_out_or_count(result, desk, lease, zero_s=(asked_s + answered_s) / 2)

    def _carry_out_or_count(self, claimed: Claimed, desk: Desk, lease: Lease, *, zero_s: float) -> Ending:
        """A fault of our own would come again at every attempt: it is counted, so that the run ends. An outage isn't one."""
        try:
            return self._carry_out(claimed, desk, lease, zero_s=zero_s)
        except LedgerUnavailableError:
            self._cut_off.append(claimed.fence)
            raise
        except Exception as fault:
            crashes, fence = claimed.crashes + 1, claimed.fence
            log.exception("batch %d of %s: attempt %d failed, %d in a row", fence.batch, fence.simulation_id, fence.attempt, crashes)
            if crashes >= MOST_CRASHES:
                return self._give_up(claimed, lease, f"the last one with {type(fault).__name__}, see the worker's log")
            claims.release(self._engine, [fence], retry_after_ms=after_crash_ms(crashes), crashed=True)
            return Ending(what="crashed")

    def _give_back_cut_off(self) -> None:
        """Else their leases' end would count as a worker's death, and an outage is none."""
        if self._cut_off:
            claims.release(self._engine, self._cut_off)
            self._cut_off.clear()

    def _give_up(self, claimed: Claimed, lease: Lease, why: str) -> Ending:
        """Its open records fail: else the run would never end."""
        message = f"{MOST_CRASHES} attempts at this batch ended without an answer: {why}"
        log.error("batch %d of %s is given up: %s", claimed.fence.batch, claimed.fence.simulation_id, message)
        results = [
            RecordResult(index=index, outcome=Outcome.FAILED, reason=Reason.WORKER_DIED, message=message) for index in _pending(claimed)
        ]
        self._finish(claimed, Finish(fence=claimed.fence, results=results), lease)
        return Ending(what="given up")

    def _carry_out(self, claimed: Claimed, desk: Desk, lease: Lease, *, zero_s: float) -> Ending:
        """`zero_s` is claimed_ms on our monotonic clock, give or take half of the claim's round trip."""
        if claimed.fence.attempt == 1:
            self._metrics.start_lateness.observe(max(0, claimed.claimed_ms - max(claimed.due_ms)) / 1000)
        run = claimed.run
        fates = desk.deliver(Marks(run.id, run.namespace, run.name), self._content(claimed), lease)
        results = _results(claimed, fates, lambda moment_s: claimed.claimed_ms + round((moment_s - zero_s) * 1000))
        postponed = [fate for fate in fates.values() if isinstance(fate, Postponed)]
        wait_ms = retry_after_ms(postponed, max(claimed.tries, default=0), self._dice())
        finish = Finish(fence=claimed.fence, results=results, retry_after_ms=wait_ms, crm_ids=_crm_ids(claimed, fates))
        return self._finish(claimed, finish, lease)

    def _content(self, claimed: Claimed) -> list[Record]:
        """Only of records that still need it. Faker gives the same record at every repeat, so nothing has to be stored first."""
        run = claimed.run
        locale = Content.model_validate(run.spec.get("content", {})).locale
        self._warn_once_of(run, locale)
        source = FakerSource(
            seed=run.seed,
            scenario=Scenario(run.scenario),
            contacts=Records.model_validate(run.spec.get("records", {})).contacts_per_company,
            locale=locale,
        )
        return [source.record(Identity(run.id, claimed.first_record + index)) for index in _pending(claimed)]

    def _warn_once_of(self, run: Run, locale: str) -> None:
        if not knows(locale) and run.id not in self._warned_of:
            self._warned_of.add(run.id)
            log.warning(
                "Simulation %s/%s: spec.content.locale: %s is not a locale Faker knows, so its records are made with %s",
                run.namespace,
                run.name,
                locale,
                FALLBACK_LOCALE,
            )

    def _finish(self, claimed: Claimed, finish: Finish, lease: Lease) -> Ending:
        """Patient while the claim lasts: after it, the batch is delivered again, and HubSpot's upserts find what is there."""
        while True:
            try:
                finished = finishes.finish(self._engine, [finish])[0]
                break
            except LedgerUnavailableError as error:
                if lease.left_s() < FINISH_AGAIN_SECONDS:
                    log.warning("batch %d of %s could not be finished: %s", finish.fence.batch, finish.fence.simulation_id, error)
                    self._cut_off.append(finish.fence)
                    return Ending(what="unfinished")
                self._pause(FINISH_AGAIN_SECONDS)
        if not finished:
            log.warning("batch %d of %s: the claim was lost, another worker has it", finish.fence.batch, finish.fence.simulation_id)
            self._metrics.fences_lost.inc()
            return Ending(what="fence lost")
        self._count(claimed, finish.results)
        return Ending(what="finished")

    def _count(self, claimed: Claimed, results: Sequence[RecordResult]) -> None:
        for result in results:
            self._metrics.records.labels(result.outcome.name.lower()).inc()
            if result.delivered_ms is not None:
                self._metrics.lateness.observe(max(0, result.delivered_ms - claimed.due_ms[result.index]) / 1000)


def _pending(claimed: Claimed) -> list[int]:
    return [index for index, outcome in enumerate(claimed.outcomes) if outcome is Outcome.PENDING]


def _results(claimed: Claimed, fates: Mapping[int, RecordFate], to_ms: Callable[[float], int]) -> list[RecordResult]:
    return [_result(index, fates[claimed.first_record + index], to_ms) for index in _pending(claimed)]


def _crm_ids(claimed: Claimed, fates: Mapping[int, RecordFate]) -> dict[str, str]:
    """By <index>.<role>, of what was delivered."""
    delivered = {index: fate for index in _pending(claimed) if isinstance(fate := fates[claimed.first_record + index], Delivered)}
    return {f"{index}.{role}": crm_id for index, fate in delivered.items() for role, crm_id in fate.crm_ids.items()}


def _result(index: int, fate: RecordFate, to_ms: Callable[[float], int]) -> RecordResult:
    match fate:
        case Delivered():
            return RecordResult(index=index, outcome=Outcome.DELIVERED, delivered_ms=to_ms(fate.answered_s))
        case Rejected():
            return RecordResult(
                index=index, outcome=Outcome.FAILED, reason=fate.reason, message=fate.message, correlation_id=fate.correlation_id
            )
        case Postponed(counts_as_try=True):
            return RecordResult(
                index=index,
                outcome=Outcome.PENDING,
                counts_as_try=True,
                reason=fate.reason,
                message=fate.message,
                correlation_id=fate.correlation_id,
            )
        case Postponed():
            return RecordResult(index=index, outcome=Outcome.PENDING)
