"""Two large plans are never in memory together, and a small one doesn't wait for them."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from simulation_operator.keys import KeyQueue
from simulation_operator.planning import LARGE_RECORDS, Planner
from simulation_operator.resource import Key
from simulation_operator.roster import Roster
from simulation_operator.setbacks import Setbacks
from simulation_operator.threads import Threads


async def test_large_plans_take_turns_and_small_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, small_is_done = threading.Event(), asyncio.Event()
    loop, threads = asyncio.get_running_loop(), Threads()
    large_now: list[int] = []
    most_at_once = 0

    def store(run: Any) -> None:
        nonlocal most_at_once
        if run.total_records < LARGE_RECORDS:
            loop.call_soon_threadsafe(small_is_done.set)
            return
        large_now.append(1)
        most_at_once = max(most_at_once, len(large_now))
        goes_on.wait(10)
        large_now.pop()

    planner = Planner(
        engine=Mock(), threads=threads, queue=KeyQueue[Key](), setbacks=Setbacks(Roster()), one_large=asyncio.Lock(), dispatch=lambda: None
    )
    monkeypatch.setattr(planner, "_store", store)
    for records in (LARGE_RECORDS, 10 * LARGE_RECORDS, LARGE_RECORDS, 5):
        key = Key("team", "launch", uuid4())
        planner.start(key, SimpleNamespace(id=key.uid, total_records=records))
    plans = list(planner.under_way._tasks.values())
    try:
        async with asyncio.timeout(10):
            await small_is_done.wait()
    finally:
        goes_on.set()
        await asyncio.gather(*plans)
        threads.stop()
    assert most_at_once == 1
