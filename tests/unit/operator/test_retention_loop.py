"""One loop for all runs: it acts only while it leads, is held up by none of them, and ends with its process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest

from simulation_core.errors import LedgerBusyError, LedgerUnavailableError
from simulation_core.ledger import retention
from simulation_operator.retention import RetentionLoop
from simulation_operator.threads import Threads

RUNS = [uuid4() for _ in range(3)]


async def at_once() -> None:
    pass


class Ledger:
    """What the loop asks of it, and what it answers."""

    def __init__(self) -> None:
        self.purged: list[UUID] = []
        self.refuses: dict[UUID, Exception] = {}
        self.loop = asyncio.get_running_loop()
        self.asked_often = asyncio.Event()
        self._asked = 0

    def due(self, engine: Any, *, retention_seconds: int) -> list[UUID]:
        self._asked += 1
        if self._asked == 2:
            self.loop.call_soon_threadsafe(self.asked_often.set)
        return RUNS

    def purge(self, engine: Any, run: UUID, *, retention_seconds: int, go_on: Callable[[], bool]) -> bool:
        if run in self.refuses:
            raise self.refuses[run]
        self.purged.append(run)
        return True


@pytest.fixture
async def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    made = Ledger()
    monkeypatch.setattr(retention, "due", made.due)
    monkeypatch.setattr(retention, "purge", made.purge)
    return made


@pytest.fixture
def loop() -> Iterator[RetentionLoop]:
    threads = Threads()
    leading: Any = SimpleNamespace(leading=True, wait=at_once)
    yield RetentionLoop(engine=Mock(), threads=threads, leadership=leading, retention_seconds=1, every_seconds=0)
    threads.stop()


async def test_all_that_is_due_is_purged(ledger: Ledger, loop: RetentionLoop) -> None:
    await loop.tick()
    assert ledger.purged == RUNS


async def test_a_run_whose_partition_is_in_use_holds_up_no_other(
    ledger: Ledger, loop: RetentionLoop, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.refuses[RUNS[0]] = LedgerBusyError("in use")
    await loop.tick()
    assert ledger.purged == RUNS[1:]
    assert "is purged later: in use" in caplog.text


async def test_it_ends_with_the_leadership(ledger: Ledger, loop: RetentionLoop) -> None:
    loop.leadership.leading = False  # type: ignore[misc]
    await loop.tick()
    assert ledger.purged == []


async def test_a_database_that_is_away_is_asked_again(ledger: Ledger, loop: RetentionLoop, caplog: pytest.LogCaptureFixture) -> None:
    ledger.refuses[RUNS[0]] = LedgerUnavailableError("away")
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(ledger.asked_often.wait(), 10)
    running.cancel()
    assert "retention waits: away" in caplog.text


async def test_a_purge_under_way_ends_with_its_process(ledger: Ledger, loop: RetentionLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def purge(engine: Any, run: UUID, *, retention_seconds: int, go_on: Callable[[], bool]) -> bool:
        begun.set()
        while go_on():
            pass
        ended.set()
        return False

    monkeypatch.setattr(retention, "purge", purge)
    running = asyncio.create_task(loop.run())
    assert await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    assert await asyncio.to_thread(ended.wait, 10)
