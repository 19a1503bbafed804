"""One Event a Simulation and reason: the same again counts it up, and no sooner than after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from simulation_operator.api import ApiUnavailableError, NotFoundError
from simulation_operator.events import QUIET_SECONDS, Events
from simulation_operator.happenings import Happening
from simulation_operator.resource import Key

KEY = Key("team", "launch", uuid4())


class Server:
    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.patched: list[dict[str, Any]] = []
        self.away = 0
        self.forgot = False

    async def create_event(self, _: str, event: dict[str, Any]) -> None:
        self._answer()
        self.created.append(event)

    async def patch_event(self, _: str, __: str, changes: dict[str, Any]) -> None:
        self._answer()
        if self.forgot:
            raise NotFoundError("expired")
        self.patched.append(changes)

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise ApiUnavailableError("away")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def events(server: Server) -> Events:
    return Events(server)  # type: ignore[arg-type]


def failed(records: int) -> Happening:
    return Happening("RecordsFailed", f"{records} records have failed so far", warning=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_what_comes_before_it_is_written_is_one_event_with_the_latest_message(events: Events, server: Server) -> None:
    for records in (1, 2, 3):
        events.tell(KEY, failed(records))
    await events.finish()
    (event,) = server.created
    assert (event["count"], event["message"], event["type"]) == (3, "3 records have failed so far", "Warning")


async def test_the_same_again_counts_it_up(events: Events, server: Server) -> None:
    for records in (1, 2):
        events.tell(KEY, failed(records))
        await events.finish()
    assert len(server.created) == 1
    assert [(each["count"], each["message"]) for each in server.patched] == [(2, "2 records have failed so far")]


async def test_it_is_not_written_again_before_a_while_has_passed(server: Server) -> None:
    clock = [100.0]
    events = Events(server, clock=lambda: clock[0])  # type: ignore[arg-type]
    task = asyncio.create_task(events.run())
    events.tell(KEY, failed(1))
    await until(lambda: len(server.created) == 1)
    events.tell(KEY, failed(2))
    events.tell(Key("team", "other", uuid4()), failed(1))
    await until(lambda: len(server.created) == 2)
    assert server.patched == []
    clock[0] += QUIET_SECONDS
    events.tell(Key("team", "third", uuid4()), failed(1))  # wakes the loop
    await until(lambda: bool(server.patched))
    task.cancel()
    assert [each["count"] for each in server.patched] == [2]


async def test_reasons_and_simulations_are_apart_and_in_order(events: Events, server: Server) -> None:
    events.tell(KEY, Happening("Accepted", "taken"))
    events.tell(KEY, Happening("Planned", "planned"))
    events.tell(Key("team", "other", uuid4()), Happening("Accepted", "taken"))
    await events.finish()
    assert [(each["involvedObject"]["name"], each["reason"]) for each in server.created] == [
        ("launch", "Accepted"), ("launch", "Planned"), ("other", "Accepted"),
    ]  # fmt: skip


async def test_an_event_that_expired_is_created_again(events: Events, server: Server) -> None:
    events.tell(KEY, failed(1))
    await events.finish()
    server.forgot = True
    events.tell(KEY, failed(2))
    await events.finish()
    assert len(server.created) == 2


async def test_while_the_api_server_is_away_it_is_kept_with_what_comes_meanwhile(events: Events, server: Server) -> None:
    server.away = 1
    events.tell(KEY, failed(1))
    task = asyncio.create_task(events.run())
    await until(lambda: not server.away)
    events.tell(KEY, failed(2))
    await events.finish()
    task.cancel()
    (event,) = server.created
    assert (event["count"], event["message"]) == (2, "2 records have failed so far")


async def test_one_is_written_after_another() -> None:
    """An API server that is slow has statuses to write as well, and more than one at once."""
    under_way, most = 0, 0

    async def create_event(_: str, event: dict[str, Any]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        created.append(event)

    created: list[dict[str, Any]] = []
    events = Events(Mock(create_event=create_event))
    task = asyncio.create_task(events.run())
    for number in range(10):
        events.tell(Key("team", f"run-{number}", uuid4()), failed(1))
    await until(lambda: len(created) == 10)
    task.cancel()
    assert most == 1
