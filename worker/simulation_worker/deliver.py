"""Delivering a load: make its content, write it to HubSpot, and say how each claim is to be ended. Writes nothing to the ledger itself."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from simulation_core.content.faker_source import FALLBACK_LOCALE, faker_records, knows
from simulation_core.content.keys import Identity
from simulation_core.content.values import Record
from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.values import Claimed, Finish, Outcome, RecordResult, Run
from simulation_core.reasons import Reason
from simulation_core.spec import Content, Records, Scenario
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.crm.delivery import Part
from simulation_worker.crm.fates import Delivered, Postponed, RecordFate, Rejected
from simulation_worker.crm.properties import Marks
from simulation_worker.desk import Desk
from simulation_worker.lease import Lease
from simulation_worker.load import MOST_CRASHES, End, Release
from simulation_worker.retry import after_crash_ms, retry_after_ms

log = logging.getLogger(__name__)

_PENDING = Outcome.PENDING  # to look a member up in its class costs more than all else here
LEASE_MS = round(3 * CALL_DEADLINE_SECONDS * 1000)  # at least twice a call's deadline, so that a call fits after a renewal


class Delivery:
    """Used by all slots at once. `lease_ms`: for how long the claims are made that it carries out."""

    def __init__(self, *, lease_ms: int = LEASE_MS, dice: Callable[[], float] = random.random) -> None:
        self.lease_ms = lease_ms
        self._dice = dice
        self._warned_of: set[UUID] = set()  # runs whose locale is unknown: few, each told once

    def carry_out(self, load: Sequence[Claimed], desk: Desk, lease: Lease, *, ahead_ms: float) -> list[End]:
        """The end of each claim, in their order. `ahead_ms`: Postgres's clock less ours, the monotonic one.

        A fault of our own is counted like a crash, so that its run ends; in a load of several only for the batch that has it.
        """
        try:
            return self._carry_out(load, desk, lease, ahead_ms)
        except LedgerUnavailableError:  # an outage is nobody's fault
            return [Release(fence=claimed.fence) for claimed in load]
        except Exception as fault:
            if len(load) == 1:
                return [crashed(load[0], f"with {type(fault).__name__}, see the worker's log", exc_info=True)]
            log.exception("%d batches together failed; each is delivered alone", len(load))
            return [end for claimed in load for end in self.carry_out([claimed], desk, lease, ahead_ms=ahead_ms)]

    def _carry_out(self, load: Sequence[Claimed], desk: Desk, lease: Lease, ahead_ms: float) -> list[End]:
        fates = self._fates(load, desk, lease)
        return [self._end(claimed, of_batch, ahead_ms) for claimed, of_batch in zip(load, fates, strict=True)]

    def _fates(self, load: Sequence[Claimed], desk: Desk, lease: Lease) -> list[dict[int, RecordFate]]:
        parts = [Part(Marks(c.run.id, c.run.namespace, c.run.name), self._content(c)) for c in load]
        return desk.deliver(parts, lease)

    def _content(self, claimed: Claimed) -> list[Record]:
        """Only of records that still need it. Faker gives the same record at every repeat, so nothing has to be stored first."""
        run = claimed.run
        locale = Content.model_validate(run.spec.get("content", {})).locale
        self._warn_once_of(run, locale)
        maker = faker_records(
            seed=run.seed,
            scenario=Scenario(run.scenario),
            records=Records.model_validate(run.spec.get("records", {})),
            locale=locale,
        )
        return [maker.record(Identity(run.id, claimed.first_record + index), claimed.due_ms[index]) for index in pending(claimed)]

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

    def _end(self, claimed: Claimed, fates: Mapping[int, RecordFate], ahead_ms: float) -> Finish:
        """A batch delivered as a whole is told in one word, which the ledger writes faster than a hundred."""
        by_index = {index: fates[claimed.first_record + index] for index in pending(claimed)}
        delivered = [(index, fate) for index, fate in by_index.items() if isinstance(fate, Delivered)]
        crm_ids = {f"{index}.{role}": id_ for index, fate in delivered for role, id_ in fate.crm_ids.items()}
        if len(delivered) == len(by_index) and len(moments_s := {fate.answered_s for _, fate in delivered}) == 1:
            return Finish(fence=claimed.fence, rest_delivered_ms=round(moments_s.pop() * 1000 + ahead_ms), crm_ids=crm_ids)
        postponed = [fate for fate in by_index.values() if isinstance(fate, Postponed)]
        wait_ms = retry_after_ms(postponed, max(claimed.tries, default=0), self._dice())
        results = [_result(index, fate, ahead_ms) for index, fate in by_index.items()]
        return Finish(fence=claimed.fence, results=results, retry_after_ms=wait_ms, crm_ids=crm_ids)


def pending(claimed: Claimed) -> list[int]:
    """Positions in the batch of the records that are still to be delivered."""
    return [index for index, outcome in enumerate(claimed.outcomes) if outcome is _PENDING]


def crashed(claimed: Claimed, how: str, *, exc_info: bool = False) -> End:
    """The end of an attempt that brought no answer: another one later, or the last one."""
    crashes, fence = claimed.crashes + 1, claimed.fence
    log.error("batch %d of %s: attempt %d ended %s; %d in a row", *_names(claimed), fence.attempt, how, crashes, exc_info=exc_info)
    if crashes >= MOST_CRASHES:
        return given_up(claimed, f"the last one {how}")
    return Release(fence=fence, retry_after_ms=after_crash_ms(crashes), crashed=True)


def given_up(claimed: Claimed, why: str) -> Finish:
    """Its open records fail: else the run would never end."""
    message = f"{MOST_CRASHES} attempts at this batch ended without an answer: {why}"
    log.error("batch %d of %s is given up: %s", *_names(claimed), message)
    results = [RecordResult(index=index, outcome=Outcome.FAILED, reason=Reason.WORKER_DIED, message=message) for index in pending(claimed)]
    return Finish(fence=claimed.fence, results=results)


def _names(claimed: Claimed) -> tuple[int, UUID]:
    return claimed.fence.batch, claimed.fence.simulation_id


def _result(index: int, fate: RecordFate, ahead_ms: float) -> RecordResult:
    match fate:
        case Delivered():
            return RecordResult(index=index, outcome=Outcome.DELIVERED, delivered_ms=round(fate.answered_s * 1000 + ahead_ms))
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
