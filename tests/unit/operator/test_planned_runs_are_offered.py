"""What was just planned is offered at once; many plans at a time share a tick, and a tick that hangs holds up nothing else."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from simulation_operator.keys import KeyQueue
from simulation_operator.planning import Planner
from simulation_operator.resource import Key
from simulation_operator.roster import Roster
from simulation_operator.setbacks import Setbacks
from simulation_operator.threads import Threads


@pytest.fixture
def threads() -> Any:
    threads = Threads()
    yield threads
    threads.stop()


def planner_with(threads: Threads, dispatch: Any, monkeypatch: pytest.MonkeyPatch) -> Planner:
    planner = Planner(
        engine=Mock(), threads=threads, queue=KeyQueue[Key](), setbacks=Setbacks(Roster()), one_large=asyncio.Lock(), dispatch=dispatch
    )
    monkeypatch.setattr(planner, "_store", lambda run: None)
    return planner


def start(planner: Planner, count: int) -> None:
    for _ in range(count):
        key = Key("team", "launch", uuid4())
        planner.start(key, SimpleNamespace(id=key.uid, total_records=1))


async def test_each_plan_is_offered_by_a_tick_that_began_after_it(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    planner = planner_with(threads, lambda: ticks.append(1), monkeypatch)
    for so_far in range(3):
        start(planner, 1)
        await planner.under_way.done()
        assert len(ticks) == so_far + 1


async def test_a_hanging_tick_takes_one_thread_and_is_followed_by_one(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, ticks = threading.Event(), []

    def hang() -> None:
        ticks.append(1)
        goes_on.wait(10)

    planner = planner_with(threads, hang, monkeypatch)
    start(planner, 50)
    try:
        for plan in islice(asyncio.as_completed(list(planner.under_way._tasks.values()), timeout=5), 48):  # one hangs, and one waits
            await plan
        async with asyncio.timeout(5):
            assert [await threads.ledger(lambda: "answered") for _ in range(4)] == ["answered"] * 4
    finally:
        goes_on.set()
    await planner.under_way.done()
    assert len(ticks) == 2
