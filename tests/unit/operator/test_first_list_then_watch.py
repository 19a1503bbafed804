"""Kopf lists all before it watches, at its own cost for each: that waits until the operator's own first list is done, or has failed."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Any
from unittest.mock import Mock

import kopf
import pytest

from simulation_operator.main import Operator


class Kopf:
    """Runs until it is told to stop."""

    def __init__(self) -> None:
        self.running = asyncio.Event()

    async def operator(self, *, stop_flag: asyncio.Event, **_: Any) -> None:
        self.running.set()
        await stop_flag.wait()


@pytest.fixture
def kopfs(monkeypatch: pytest.MonkeyPatch) -> Kopf:
    found = Kopf()
    monkeypatch.setattr(kopf, "operator", found.operator)
    return found


@pytest.fixture
def operator() -> Operator:
    parts = {each.name: Mock() for each in fields(Operator)}
    return Operator(**{**parts, "scopes": (None,), "resync": Mock(tried=asyncio.Event())})


async def test_it_waits_for_the_first_list(operator: Operator, kopfs: Kopf) -> None:
    unwatch = asyncio.Event()
    watching = asyncio.create_task(operator._watch(asyncio.Event(), unwatch))
    await asyncio.sleep(0.02)
    assert not kopfs.running.is_set()
    operator.resync.tried.set()
    await asyncio.wait_for(kopfs.running.wait(), 5)
    unwatch.set()
    await asyncio.wait_for(watching, 5)


async def test_an_end_before_that_is_not_kept_waiting(operator: Operator, kopfs: Kopf) -> None:
    unwatch = asyncio.Event()
    watching = asyncio.create_task(operator._watch(asyncio.Event(), unwatch))
    await asyncio.sleep(0)
    unwatch.set()
    await asyncio.wait_for(watching, 5)
    assert not kopfs.running.is_set()
