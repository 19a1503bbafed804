"""What the API server refuses is logged once, and nothing we write is refused for its name."""

from __future__ import annotations

import logging
import re
from typing import Any
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import pytest

from simulation_operator.api import ApiError, ForbiddenError
from simulation_operator.events import event_name
from simulation_operator.keys import KeyQueue
from simulation_operator.resource import Key, Simulation
from simulation_operator.roster import Roster
from simulation_operator.status_writer import StatusWriter

KEY = Key("team", "launch", uuid4())
DNS_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


async def write_with(answers: list[Any]) -> None:
    """One write of a status for each answer of the API server: an error, or the object's new version."""
    roster = Roster()
    roster.see(Simulation(key=KEY, generation=1, spec={}))
    writer = StatusWriter(
        api=Mock(patch_status=AsyncMock(side_effect=answers)), events=Mock(), roster=roster, queue=KeyQueue[Key]()
    )  # fmt: skip
    for number in range(len(answers)):
        writer.want({KEY.uid: {"phase": "Running", "recordsProcessed": number + 1}})
        await writer.finish()


async def test_a_refused_status_is_logged_once_for_each_way_it_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    await write_with([ApiError("422 too long"), ApiError("422 too long"), ApiError("422 a number"), ApiError("422 a number")])
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == ["422 too long", "422 a number"]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_after_a_success_it_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    await write_with([ApiError("422 too long"), 1, ApiError("422 too long")])
    assert len(caplog.records) == 2


async def test_a_missing_right_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    await write_with([ForbiddenError("403 not yet")] * 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("name", ["launch", "a" * 253, f"{'a' * 235}-{'b' * 17}", f"{'a' * 235}.{'b' * 17}", f"{'a' * 230}------.b"])
def test_an_events_name_is_a_name(name: str) -> None:
    found = event_name(name, "0123456789abcdef")
    assert re.fullmatch(DNS_SUBDOMAIN, found)
    assert len(found) <= 253
    assert found.endswith(".0123456789abcdef")
