"""Advice is found once for a run and its portal's limits, beside the plans; a fault of ours is not repeated for ever."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from simulation_core.errors import LedgerUnavailableError
from simulation_core.portals import Portal
from simulation_operator.advising import Adviser
from simulation_operator.resource import Key
from simulation_operator.threads import Threads

KEY = Key("team", "launch", uuid4())
RUN: Any = SimpleNamespace(id=KEY.uid, total_records=1)


def portal(ten_seconds: int) -> Portal:
    return Portal(name="default", calls_per_ten_seconds=ten_seconds, allowed_namespaces=("*",))


async def asked(monkeypatch: pytest.MonkeyPatch, answer: Any, *limits: int) -> int:
    """How often it was looked for, asked one after the other with these limits."""
    threads = Threads()
    adviser = Adviser(engine=Mock(), threads=threads, one_large=asyncio.Lock())
    find = Mock(side_effect=answer)
    monkeypatch.setattr(adviser, "_find", find)
    for limit in limits:
        adviser.start(KEY, RUN, Mock(), portal(limit))
        adviser.start(KEY, RUN, Mock(), portal(limit))  # while it is being found
        await adviser.under_way.done()
    threads.stop()
    return find.call_count


async def test_it_is_looked_for_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, None, 100) == 1


async def test_an_outage_lets_the_next_resync_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, LedgerUnavailableError("away"), 100, 100) == 2


async def test_a_fault_of_ours_is_tried_again_only_for_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked(monkeypatch, ValueError("a fault"), 100, 100, 110) == 2
