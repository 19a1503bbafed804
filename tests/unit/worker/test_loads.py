"""How claimed batches are put together into calls."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from simulation_core.ledger.values import Claimed, Fence, Outcome
from simulation_core.queue.taking import Job
from simulation_worker.load import Claim, loads, room_for

RUN = SimpleNamespace(id=uuid.UUID(int=1))


def claim(batch: int, records: int, crashes: int = 0, run: uuid.UUID = RUN.id) -> Claim:
    claimed = Claimed(
        fence=Fence(simulation_id=run, batch=batch, attempt=1),
        run=RUN,
        first_record=0,
        due_ms=[0] * records,
        outcomes=[Outcome.PENDING] * records,
        tries=[0] * records,
        crashes=crashes,
        claimed_ms=0,
        lease_ms=60_000,
    )
    return Claim(claimed=claimed, job=Job("q", str(batch)))


def together(*claims: Claim) -> list[list[int]]:
    return [[each.claimed.fence.batch for each in load] for load in loads(claims)]


def test_full_batches_are_alone() -> None:
    assert together(claim(0, 100), claim(1, 100)) == [[0], [1]]


def test_single_records_share_a_call_up_to_a_hundred() -> None:
    sizes = [len(load) for load in loads([claim(i, 1) for i in range(250)])]
    assert sizes == [100, 100, 50]


def test_their_order_is_kept() -> None:
    assert together(claim(0, 40), claim(1, 40), claim(2, 40), claim(3, 60)) == [[0, 1], [2, 3]]


def test_what_died_twice_is_alone_wherever_it_stands() -> None:
    assert together(claim(0, 1), claim(1, 1, crashes=2), claim(2, 1), claim(3, 1)) == [[0], [1], [2, 3]]
    assert together(claim(0, 1, crashes=2), claim(1, 1, crashes=2)) == [[0], [1]]


def test_what_died_once_is_in_company() -> None:
    assert together(claim(0, 1), claim(1, 1, crashes=1)) == [[0, 1]]


def test_runs_that_are_kept_apart_share_with_no_other() -> None:
    one, other, third = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
    claims = [claim(0, 1, run=one), claim(1, 1, run=other), claim(2, 1, run=other), claim(3, 1, run=third), claim(4, 1, run=one)]
    assert [[each.claimed.fence.batch for each in load] for load in loads(claims, apart={str(other)})] == [[0], [1, 2], [3, 4]]


def test_nothing_is_nothing() -> None:
    assert together() == []


def test_where_calls_are_scarce_a_load_takes_up_to_a_thousand_records() -> None:
    claims = [claim(i, 100) for i in range(25)]
    assert [len(load) for load in loads(claims, most=1_000)] == [10, 10, 5]


@pytest.mark.parametrize(
    ("largest", "scarce", "room"), [(100, False, 2), (1, False, 200), (100, True, 20), (1, True, 2_000), (70, False, 2), (3_000, True, 2)]
)
def test_room_is_for_as_many_batches_as_fit(largest: int, scarce: bool, room: int) -> None:
    assert room_for(2, largest, scarce=scarce) == room
