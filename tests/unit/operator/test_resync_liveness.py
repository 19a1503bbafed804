"""A process that can't finish a list of Simulations for minutes says so to its liveness probe; one that can never does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest
from prometheus_client import CollectorRegistry

from simulation_operator.api import ApiUnavailableError, Page
from simulation_operator.keys import KeyQueue
from simulation_operator.metrics import Metrics
from simulation_operator.resource import Key
from simulation_operator.resync import Resync
from simulation_operator.roster import Roster


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Lists:
    answers = True

    async def list_whole(self, _: str | None) -> AsyncIterator[Page]:
        if not self.answers:
            raise ApiUnavailableError("listing: the API server can't be reached")
        yield Page([], None, as_of=10)

    list_seen = list_whole


async def looked(resync: Resync) -> None:
    with contextlib.suppress(ApiUnavailableError):
        await resync.once()


async def test_only_a_finished_list_keeps_the_process_alive() -> None:
    clock, lists = Clock(), Lists()
    resync = Resync(
        api=lists, engine=Mock(), threads=Mock(), roster=Roster(), queue=KeyQueue[Key](), leadership=Mock(leading=False),
        metrics=Metrics(CollectorRegistry()), scopes=(None,), every_seconds=30, deadline_seconds=300, clock=clock,
    )  # fmt: skip
    clock.seconds += 300
    assert resync.not_alive() is None
    clock.seconds += 1
    assert resync.not_alive() == "no complete list of Simulations for 301 s"
    await looked(resync)
    assert resync.not_alive() is None
    lists.answers = False
    clock.seconds += 301
    await looked(resync)
    assert resync.not_alive() is not None


@pytest.mark.parametrize("answers", [True, False], ids=["complete", "failed"])
async def test_a_first_list_is_tried_once_it_is_over(answers: bool) -> None:
    lists = Lists()
    lists.answers = answers
    resync = Resync(
        api=lists, engine=Mock(), threads=Mock(), roster=Roster(), queue=KeyQueue[Key](), leadership=Mock(leading=False),
        metrics=Metrics(CollectorRegistry()), scopes=(None,), every_seconds=30, deadline_seconds=300,
    )  # fmt: skip
    assert not resync.tried.is_set()
    running = asyncio.create_task(resync.run())
    await asyncio.wait_for(resync.tried.wait(), 5)
    assert (resync.finished_at is not None) is answers
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
