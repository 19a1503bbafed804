"""Calls for what is done after a run: beside deliveries they take a share, alone as much as the portal allows."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from simulation_core.reasons import Reason
from simulation_worker.crm.answers import Answer
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.crm.objects import MOST_TRIES, Objects, RefusedError


class Client:
    """Gives the answers it was made with, then empty ones."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.calls = list(answers), 0

    def post(self, path: str, body: Any) -> Answer:
        self.calls += 1
        return self.answers.pop(0) if self.answers else Answer(status=200, body={"results": []})


def objects(client: Client, slept: list[float], *, aside_s: float = 0.0) -> Objects:
    return Objects(client, aside_s=lambda: aside_s, sleep=slept.append)  # type: ignore[arg-type]


def test_they_stand_aside_while_deliveries_are_going_on() -> None:
    slept: list[float] = []
    objects(Client(), slept, aside_s=4).archive("companies", [str(number) for number in range(250)])
    assert slept == [4, 4, 4]  # before each call
    slept.clear()
    objects(Client(), slept).archive("companies", [str(number) for number in range(250)])
    assert slept == []


def test_a_name_given_twice_is_asked_once_and_a_hundred_at_a_time() -> None:
    client = Client()
    objects(client, []).archive("companies", ["1", "1", *map(str, range(100))])
    assert client.calls == 1


def test_a_portal_that_asks_for_a_pause_gets_it_and_one_search_too_many_is_repeated() -> None:
    slow = Answer(status=429, body={"policyName": "TEN_SECONDLY_ROLLING"})
    with pytest.raises(PortalHeldError) as held:
        objects(Client(slow), []).archive("companies", ["1"])
    assert held.value.reason is Reason.PORTAL_THROTTLED
    client = Client(slow, slow)
    assert objects(client, []).search("companies", uuid4(), after=0) == []
    assert client.calls == 3


@pytest.mark.parametrize(("status", "calls"), [(400, 1), (500, MOST_TRIES)])
def test_what_is_refused_again_and_again_is_told(status: int, calls: int) -> None:
    client = Client(*[Answer(status=status, body={"message": "no"})] * 9)
    with pytest.raises(RefusedError, match=f"batch/archive .{status}.: no"):
        objects(client, []).archive("companies", ["1"])
    assert client.calls == calls
