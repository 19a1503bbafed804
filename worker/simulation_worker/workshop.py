"""The workshop: claims the batches of the jobs that were taken, delivers them in slots, and has their ends written.

One claim is under way from `begin` until its end is written: as long, its lease is kept in Postgres and its job's in Redis.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Engine

from simulation_core.errors import QueueUnavailableError
from simulation_core.ledger.values import Claimed
from simulation_core.queue.admission import Gate
from simulation_core.queue.taking import Intake, Job
from simulation_worker.books import Books, Entry
from simulation_worker.budget.budget import CALLS_A_LOAD
from simulation_worker.budget.cost import calls_of
from simulation_worker.budget.purse import Purse
from simulation_worker.claiming import Claiming, claim
from simulation_worker.deliver import Delivery, given_up
from simulation_worker.desk import Desk
from simulation_worker.isolation import carry_out_alone
from simulation_worker.lease import Lease
from simulation_worker.load import (
    MOST_CRASHES,
    MOST_TOGETHER,
    Claim,
    End,
    Release,
    loads,
    most_in_a_load,
    room_for,
    suspicious,
)
from simulation_worker.metrics import Metrics
from simulation_worker.slots import Slots
from simulation_worker.under_way import UnderWay

log = logging.getLogger(__name__)

JOB_SECONDS = 15  # how long a silent job counts as under way, and so isn't offered again: what a kill between taking and claim costs
ISOLATED_AGAIN_MS = 5_000


class Workshop:
    """`stopping`: what a slot has not begun by then is given back. Queues are told apart by name, each with its portal's desk."""

    def __init__(
        self, engine: Engine, intake: Intake, delivery: Delivery, *, metrics: Metrics, slots: Slots, stopping: threading.Event
    ) -> None:
        self.intake = intake
        self.under_way = UnderWay()
        self._engine = engine
        self._delivery = delivery
        self._metrics = metrics
        self._slots = slots
        self._stopping = stopping
        self._books = Books(engine, metrics=metrics, on_ended=self._ended)
        self._largest: dict[str, int] = {}  # by queue: records of the largest batch of the last claim
        self._shares: Mapping[str, int] = {}  # by queue: loads that may be begun
        self._scarce: frozenset[str] = frozenset()  # queues whose loads are to be large, as room was made for them
        self._isolating = threading.Lock()  # one process beside us: several would take the memory that none alone needs

    def open(self) -> None:
        self._books.start()

    def close(self) -> None:
        """Returns when all that was begun is done and written."""
        self._slots.close()
        self._books.close()

    def room(self, desks: Mapping[str, Desk], *, served: int = 1) -> dict[str, int]:
        """How many jobs of each queue fit into the slots that are free, as far as their size is known. Queues without room are left out.

        `served`: the number of portals, also of those that may not be called now.
        """
        self._scarce = frozenset(queue for queue, desk in desks.items() if desk.scarce)
        self._shares = self._slots.shares(_portals(desks), served=served)
        return {
            queue: room_for(count, self._largest.get(queue, MOST_TOGETHER), scarce=queue in self._scarce)
            for queue, count in self._shares.items()
        }

    def wait_for_room(self, desks: Mapping[str, Desk], seconds: float, *, served: int = 1) -> None:
        self._slots.wait_for_shares(_portals(desks), seconds, served=served)

    def gates(self, desks: Mapping[str, Desk]) -> dict[str, Gate]:
        """What is to be admitted from each queue: loads, as far as the size of its batches is known."""
        largest = {queue: self._largest.get(queue, MOST_TOGETHER) for queue in desks}
        return {
            queue: desk.budget.gate(room_for(1, largest[queue], scarce=scarce), large=scarce)
            for queue, desk in desks.items()
            for scarce in [queue in self._scarce]
        }

    def begin(self, jobs: Sequence[Job], desks: Mapping[str, Desk], purses: Mapping[str, Purse] | None = None) -> None:
        """Claims them all in one statement. The loads' calls are paid from their queue's purse.

        Raises LedgerUnavailableError if it couldn't, QueueUnavailableError once all were begun."""
        got = claim(self._engine, jobs, lease_ms=self._delivery.lease_ms)
        for queue, claims in got.claims.items():
            self._largest[queue] = max(len(each.claimed.due_ms) for each in claims)
            desk = desks[queue]
            most = most_in_a_load(scarce=queue in self._scarce)
            for number, load in enumerate(loads(claims, most=most, apart=desk.apart)):
                if number < max(1, self._shares.get(queue, 0)):
                    purse = (purses or {}).get(queue, Purse())
                    self._begin_load(load, desk, got, purse.split(min(CALLS_A_LOAD, calls_of([each.claimed for each in load]))))
                else:
                    self._give_back(load, got)
        self._count(got)
        self.intake.give_back(got.early, left=self.under_way.count)
        self.intake.acknowledge(got.refused, left=self.under_way.count)

    def keep_leases(self) -> None:
        for lease in self.under_way.leases():
            lease.keep()

    def beaten_s(self) -> float:
        """When the slot that is silent for longest began its last call, on the monotonic clock."""
        return min((lease.beaten_s for lease in self.under_way.leases() if lease.beaten_s is not None), default=time.monotonic())

    def _begin_load(self, load: Sequence[Claim], desk: Desk, got: Claiming, purse: Purse) -> None:
        lease = self._lease(load, got)
        self._slots.begin(desk.portal.name, partial(self._carry_out, load, desk, lease, got.ahead_ms, purse))

    def _give_back(self, load: Sequence[Claim], got: Claiming) -> None:
        """They turned out to be more than fit into the slots that are free: larger than those before, or to be delivered alone."""
        lease = self._lease(load, got)
        self._books.hand_in([Entry(claim=each, end=Release(fence=each.claimed.fence), lease=lease) for each in load])

    def _lease(self, load: Sequence[Claim], got: Claiming) -> Lease:
        fences, lease_ms = [each.claimed.fence for each in load], self._delivery.lease_ms
        lease = Lease(self._engine, fences, lease_ms=lease_ms, asked_s=got.asked_s, leaving=self._stopping.is_set)
        self.under_way.begin((each.job for each in load), lease)
        return lease

    def _carry_out(self, load: Sequence[Claim], desk: Desk, lease: Lease, ahead_ms: float, purse: Purse) -> None:
        """In a slot."""
        lease.beat()
        try:
            with desk.spending(purse):
                ends = self._ends([each.claimed for each in load], desk, lease, ahead_ms)
        except BaseException:
            self._ended(load)  # nobody keeps its leases any more
            raise
        self._books.hand_in([Entry(claim=each, end=end, lease=lease) for each, end in zip(load, ends, strict=True) if end])
        self._ended([each for each, end in zip(load, ends, strict=True) if end is None])

    def _ends(self, load: Sequence[Claimed], desk: Desk, lease: Lease, ahead_ms: float) -> Sequence[End | None]:
        first = load[0]
        if self._stopping.is_set() or desk.closed:  # not begun: another worker may, or the desk with the new token
            return [Release(fence=claimed.fence) for claimed in load]
        if held_ms := round(desk.held_for_s * 1000):  # since they were taken
            return [Release(fence=claimed.fence, retry_after_ms=held_ms) for claimed in load]
        if first.crashes >= MOST_CRASHES:
            return [given_up(first, "the workers that had it died, and then the processes it had for itself; their logs may say why")]
        if suspicious(first):
            return [self._alone(first, desk, lease)]
        return self._delivery.carry_out(load, desk, lease, ahead_ms=ahead_ms)

    def _alone(self, claimed: Claimed, desk: Desk, lease: Lease) -> End | None:
        if not self._isolating.acquire(blocking=False):
            return Release(fence=claimed.fence, retry_after_ms=ISOLATED_AGAIN_MS)
        try:
            return carry_out_alone(claimed, desk.portal.name, beat=lease.beat)
        finally:
            self._isolating.release()

    def _count(self, got: Claiming) -> None:
        late_ms = [
            each.claimed.claimed_ms - each.claimed.due_ms[-1]
            for claims in got.claims.values()
            for each in claims
            if each.claimed.fence.attempt == 1
        ]
        self._metrics.start_lateness.observe_ms(late_ms)
        if got.early:
            self._metrics.jobs.labels("early").inc(len(got.early))
        if got.refused:
            self._metrics.jobs.labels("refused").inc(len(got.refused))

    def _ended(self, claims: Sequence[Claim]) -> None:
        """Their outcome is in the ledger, or left to it. Should Redis not hear of it, the jobs' leases run out."""
        if not claims:
            return
        jobs = [each.job for each in claims]
        left = self.under_way.end(jobs)
        try:
            self.intake.acknowledge(jobs, left=left)
        except QueueUnavailableError as error:
            log.debug("%d jobs could not be acknowledged: %s", len(jobs), error)


def _portals(desks: Mapping[str, Desk]) -> dict[str, str]:
    return {queue: desk.portal.name for queue, desk in desks.items()}
