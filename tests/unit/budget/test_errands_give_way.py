"""Errands that use up a portal's calls when records become due: deliveries get theirs all the same."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from references.gcra import Shared
from simulation_core.portals import Portal
from simulation_core.queue.admission import Admission, Gate
from simulation_core.queue.connection import connect
from simulation_worker.budget.accounting import PATIENCE_US, Accounting
from simulation_worker.budget.budget import SCARCE_SECONDS, Budget
from simulation_worker.budget.limits import Limit
from simulation_worker.budget.purse import Purse
from simulation_worker.metrics import Metrics

PORTAL = Portal(name="default", allowed_namespaces=("*",))
ANSWER_S = 0.2  # what a call takes
DUE_S, END_S = 5.0, 35.0
CALLS = 21  # of a load of a thousand records
THREADS = 16  # of a worker's errands: five calls a second each, were they let


class World:
    """What all workers share, and what happens in it, in the order of its clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.queued, self.under_way = 0, 0  # jobs
        self.loads_s: list[float] = []  # when each was begun
        self.calls = {"errand": 0, "delivery": 0}
        self._budgets: dict[str, Shared] = {}

    def budget(self, key: str, limit: Limit) -> Shared:
        shared = self._budgets.setdefault(key, Shared(limit))
        shared.now_s = self.now_s
        return shared

    def run(self, *lives: Iterator[float]) -> None:
        """Each says until when it waits."""
        order = itertools.count()
        waiting = [(0.0, next(order), life) for life in lives]
        while waiting and waiting[0][0] < END_S:
            self.now_s, _, life = heapq.heappop(waiting)
            if (until_s := next(life, None)) is not None:
                heapq.heappush(waiting, (until_s, next(order), life))


class InMemory(Accounting):
    """As Redis would keep it."""

    def __init__(self, world: World) -> None:
        super().__init__(connect("redis://127.0.0.1:1"), "a worker")
        self._world = world

    def draw(self, key: str, limit: Limit, calls: int, *, patience_us: int = PATIENCE_US, given_back: int = 0) -> Admission:
        return self._world.budget(key, limit).draw(calls, patience_us) if calls else Admission()

    def take(self, gate: Gate, limit: Limit) -> Admission:
        """One load, if there is one and the gate lets it through."""
        there = self._world.queued >= gate.jobs_a_load
        return self._world.budget(gate.key, limit).draw(gate.calls_each + gate.calls_more, gate.patience_us) if there else Admission()

    def others(self, queue: str) -> tuple[int, int]:
        return 1, self._world.under_way + self._world.queued


class Worker:
    def __init__(self, world: World) -> None:
        self.world = world
        self.slept_s = 0.0
        self.budget = Budget(
            connect("redis://127.0.0.1:1"),
            PORTAL,
            "token",
            metrics=Metrics(CollectorRegistry()),
            clock=lambda: world.now_s,
            sleep=lambda seconds: setattr(self, "slept_s", seconds),
        )
        self.accounting = self.budget._accounting = InMemory(world)

    def looks(self) -> Iterator[float]:
        while True:
            self.budget.look()
            yield self.world.now_s + 0.5

    def errand(self) -> Iterator[float]:
        while True:
            yield self.world.now_s + self.budget.aside_s()
            yield from self._call(Purse(), "errand")

    def deliveries(self) -> Iterator[float]:
        """One load after the other, from when they are due."""
        yield DUE_S
        self.world.queued = 1_000_000
        while True:
            if wait_s := self.budget.paced_for_s:
                yield self.world.now_s + wait_s
            gate = self.budget.gate(1_000 if self.budget.scarce else 100, large=self.budget.scarce)
            admission = self.accounting.take(gate, self.budget.limit)
            purse = self.budget.admitted(admission)
            if admission.uses:
                yield from self._deliver(gate.jobs_a_load, purse)

    def _deliver(self, jobs: int, purse: Purse) -> Iterator[float]:
        self.world.loads_s.append(self.world.now_s)
        self.world.queued -= jobs
        self.world.under_way += jobs
        self.budget.delivering()
        for _ in range(CALLS):
            yield from self._call(purse, "delivery")
        self.world.under_way -= jobs
        self.budget.delivering()

    def _call(self, purse: Purse, whose: str) -> Iterator[float]:
        self.slept_s = 0.0
        self.budget.wait(purse)
        yield self.world.now_s + self.slept_s
        self.world.calls[whose] += 1
        yield self.world.now_s + ANSWER_S


@pytest.mark.parametrize("whose", ["its own", "another worker's"])
def test_a_load_is_begun_beside_errands_that_use_all_there_is(whose: str) -> None:
    world = World()
    worker, other = Worker(world), Worker(world)
    busy = worker if whose == "its own" else other
    errands = [busy.errand() for _ in range(THREADS)]
    world.run(worker.looks(), other.looks(), *errands, worker.deliveries())
    assert world.loads_s
    assert world.loads_s[0] < DUE_S + 5
    assert world.calls["delivery"] > (END_S - DUE_S - 5) / ANSWER_S * 0.7  # one load at a time can't make more than all of them


def test_errands_of_its_own_hear_at_once_that_a_delivery_was_made_to_wait() -> None:
    worker = Worker(World())
    assert [worker.budget.aside_s() for _ in range(10)] == [0.0] * 10
    worker.budget.admitted(Admission(wait_us=1))
    assert [worker.budget.aside_s() for _ in range(10)][-1] > 1


def test_calls_are_scarce_for_a_while_after_the_wait_and_not_only_after_its_begin() -> None:
    world = World()
    worker = Worker(world)
    worker.budget.admitted(Admission(wait_us=12_000_000))
    world.now_s = 12 + SCARCE_SECONDS - 0.1
    assert worker.budget.scarce
    world.now_s = 12 + SCARCE_SECONDS
    assert not worker.budget.scarce
