"""A plan that can't be stored (a full disk, a fault of ours) is made again later and later, not four times a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

from prometheus_client import CollectorRegistry

from simulation_core.errors import LedgerUnavailableError
from simulation_core.reasons import Reason
from simulation_operator.keys import MOST_RETRIES, KeyQueue
from simulation_operator.lifecycle import reconcile
from simulation_operator.lifecycle.actions import Accept, Decision, Plan
from simulation_operator.lifecycle.reconcile import Lifecycle
from simulation_operator.metrics import Metrics
from simulation_operator.planning import Planner
from simulation_operator.resource import Key
from simulation_operator.roster import Roster
from simulation_operator.setbacks import Setbacks
from simulation_operator.threads import Threads

KEY = Key("team", "launch", uuid4())


@dataclass
class Delays(KeyQueue[Key]):
    """A queue that remembers after how long each retry was to come."""

    asked: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def add(self, key: Key, after_seconds: float = 0.0) -> None:
        self.asked.append(after_seconds)


async def plan_again_and_again(monkeypatch: Any, store: Mock, times: int) -> list[float]:
    run, queue, threads = SimpleNamespace(id=KEY.uid, total_records=1), Delays(), Threads()
    planner = Planner(
        engine=Mock(), threads=threads, queue=queue, setbacks=Setbacks(Roster()), one_large=asyncio.Lock(), dispatch=lambda: None
    )
    monkeypatch.setattr(planner, "_store", store)
    monkeypatch.setattr(reconcile, "decide", lambda _: Decision(Plan(run), Reason.PLANNING, ""))

    async def apply(*_: object) -> None:
        planner.start(KEY, run)

    async def observe(_: Key) -> None: ...

    lifecycle = Lifecycle(
        queue=queue,
        observer=SimpleNamespace(observe=observe),
        applier=SimpleNamespace(begin=Mock(), apply=apply),
        leadership=Mock(),
        metrics=Metrics(CollectorRegistry()),
        setbacks=Setbacks(Roster()),
    )
    for _ in range(times):
        await lifecycle.reconcile(KEY)
        await planner.under_way.done()
    threads.stop()
    return queue.asked


async def test_each_failure_waits_longer_than_the_one_before(monkeypatch: Any) -> None:
    store = Mock(side_effect=[LedgerUnavailableError("disk full"), ValueError("a fault of ours")] * 2)
    assert await plan_again_and_again(monkeypatch, store, times=4) == [0.25, 0.5, 1.0, 2.0]


async def test_a_success_forgets_them(monkeypatch: Any) -> None:
    store = Mock(side_effect=[ValueError("a fault of ours"), None, ValueError("a fault of ours")])
    assert await plan_again_and_again(monkeypatch, store, times=3) == [0.25, 0.0, 0.25]


async def test_what_was_accepted_begins_its_planning_without_the_failures_before(monkeypatch: Any) -> None:
    """Accepting and planning are one reconcile; while the ledger was away it was tried often."""
    run, queue = SimpleNamespace(id=KEY.uid, total_records=1), KeyQueue[Key]()
    decisions = iter([Decision(Accept(Mock(), 1), Reason.ACCEPTED, ""), Decision(Plan(run), Reason.PLANNING, "")])
    monkeypatch.setattr(reconcile, "decide", lambda _: next(decisions))
    setbacks, applied = Mock(), AsyncMock(side_effect=["as accepted", None])
    lifecycle = Lifecycle(
        queue=queue, observer=Mock(observe=AsyncMock(return_value="as observed")), applier=Mock(apply=applied),
        leadership=Mock(leading=True), metrics=Metrics(CollectorRegistry()), setbacks=setbacks,
    )  # fmt: skip
    for _ in range(MOST_RETRIES):
        assert queue.retry(KEY)
    await lifecycle.reconcile(KEY)
    assert [call.args[0] for call in applied.await_args_list] == ["as observed", "as accepted"]
    assert setbacks.clear.call_count == 1
    assert queue.retry(KEY)


async def test_who_leads_no_longer_leaves_what_was_accepted_to_its_next_turn(monkeypatch: Any) -> None:
    monkeypatch.setattr(reconcile, "decide", lambda _: Decision(Accept(Mock(), 1), Reason.ACCEPTED, ""))
    queue, applied = KeyQueue[Key](), AsyncMock(return_value="as accepted")
    lifecycle = Lifecycle(
        queue=queue, observer=Mock(observe=AsyncMock()), applier=Mock(apply=applied),
        leadership=Mock(leading=False), metrics=Metrics(CollectorRegistry()), setbacks=Mock(),
    )  # fmt: skip
    await lifecycle.reconcile(KEY)
    assert (applied.await_count, len(queue)) == (1, 1)
