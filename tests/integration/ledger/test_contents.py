"""Contents are stored once, whoever stores them; and a run's tokens are never more than it may use."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import contents, errands
from simulation_core.ledger.contents import Reservation, Spent, WrittenBy
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Errand, ErrandFence
from simulation_core.ledger.values import ClaimRequest, ContentCounts

GRANTED, LATER, NEVER, LOST = Reservation
Page = Callable[..., Errand]


@pytest.fixture
def run(make_run: Any) -> uuid.UUID:
    return make_run().records(100).published().id


@pytest.fixture
def page(engine: Engine, run: uuid.UUID) -> Page:
    """A page of the run, claimed: a new one, or one whose worker is dead."""
    numbers = itertools.count()

    def claim(number: int | None = None, attempt: int = 1) -> Errand:
        if number is None:
            number = next(numbers)
            errands.ask(engine, run, Kind.PREPARE, number=number)
        with transaction(engine) as connection:
            over = text("UPDATE errands SET lease_until = statement_timestamp() WHERE state = 1 AND number = :number")
            connection.execute(over, {"number": number})
        claimed = errands.claim(engine, Kind.PREPARE, ClaimRequest(run, number, attempt), lease_ms=60_000)
        assert isinstance(claimed, Errand), claimed
        return claimed

    return claim


def counts(engine: Engine, run: uuid.UUID) -> ContentCounts:
    with transaction(engine) as connection:
        return contents.counts(connection, [run])[run]


def reserved(engine: Engine, run: uuid.UUID) -> int:
    with transaction(engine) as connection:
        return int(connection.scalar(text("SELECT tokens_reserved FROM content_counts WHERE simulation_id = :id"), {"id": run}))


def test_what_is_stored_first_stays(engine: Engine, run: uuid.UUID) -> None:
    assert contents.keep(engine, run, {3: {"city": "Bremen"}}, by=WrittenBy.MODEL) == [3]
    assert contents.keep(engine, run, {3: {"city": "Kassel"}, 4: {"city": "Münster"}}, by=WrittenBy.FAKER) == [4]
    assert contents.stored(engine, {run: [3, 4, 5]}) == {run: {3: {"city": "Bremen"}, 4: {"city": "Münster"}}}


def test_contents_of_several_runs_are_read_at_once(engine: Engine, run: uuid.UUID, make_run: Any) -> None:
    other = make_run().records(2).published().id
    contents.keep(engine, run, {1: {"of": "one"}}, by=WrittenBy.MODEL)
    contents.keep(engine, other, {1: {"of": "other"}}, by=WrittenBy.MODEL)
    assert contents.stored(engine, {run: [0, 1], other: [1]}) == {run: {1: {"of": "one"}}, other: {1: {"of": "other"}}}
    assert contents.stored(engine, {}) == {}


def test_each_record_is_counted_once_by_who_wrote_it(engine: Engine, run: uuid.UUID) -> None:
    contents.keep(engine, run, {1: {}, 2: {}}, by=WrittenBy.MODEL)
    contents.keep(engine, run, {2: {}, 3: {}}, by=WrittenBy.FAKER)
    contents.keep(engine, run, {1: {}, 2: {}, 3: {}}, by=WrittenBy.MODEL)
    assert counts(engine, run) == ContentCounts(from_model=2, from_faker=1, tokens=0)


def test_two_that_store_the_same_records_at_once_store_one_content(engine: Engine, run: uuid.UUID) -> None:
    together = threading.Barrier(8)

    def store(worker: int) -> int:
        together.wait()
        return len(contents.keep(engine, run, {record: {"by": worker} for record in range(50)}, by=WrittenBy.MODEL))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(store, range(8))) == 50
    assert counts(engine, run).from_model == 50
    assert len(contents.stored(engine, {run: range(50)})[run]) == 50


def test_tokens_are_reserved_up_to_the_limit_however_many_ask_at_once(engine: Engine, run: uuid.UUID, page: Page) -> None:
    together, fences = threading.Barrier(10), [page().fence for _ in range(10)]

    def reserve(by: ErrandFence) -> Reservation:
        together.wait()
        return contents.reserve_tokens(engine, by, 300, most=1_000)

    with ThreadPoolExecutor(10) as threads:
        assert Counter(threads.map(reserve, fences)) == {GRANTED: 3, LATER: 7}
    assert reserved(engine, run) == 900


def test_the_first_reservation_has_the_limit_too(engine: Engine, page: Page) -> None:
    assert contents.reserve_tokens(engine, page().fence, 1_001, most=1_000) is NEVER
    assert contents.reserve_tokens(engine, page().fence, 1_000, most=1_000) is GRANTED


def test_without_a_limit_tokens_are_still_counted(engine: Engine, run: uuid.UUID, page: Page) -> None:
    by = page().fence
    assert contents.reserve_tokens(engine, by, 5_000_000_000, most=None) is GRANTED
    contents.keep(engine, run, {1: {}}, by=WrittenBy.MODEL, spent=Spent(by=by, reserved=5_000_000_000, used=4_000_000_000))
    assert counts(engine, run) == ContentCounts(from_model=1, from_faker=0, tokens=4_000_000_000)


def test_what_was_not_used_may_be_used_by_others(engine: Engine, run: uuid.UUID, page: Page) -> None:
    one, other = page().fence, page().fence
    contents.reserve_tokens(engine, one, 900, most=1_000)
    assert contents.reserve_tokens(engine, other, 200, most=1_000) is LATER
    contents.keep(engine, run, {}, by=WrittenBy.MODEL, spent=Spent(by=one, reserved=900, used=800))
    assert contents.reserve_tokens(engine, other, 201, most=1_000) is NEVER
    assert contents.reserve_tokens(engine, other, 200, most=1_000) is GRANTED
    assert contents.reserve_tokens(engine, one, 1, most=1_000) is LATER
    assert (counts(engine, run).tokens, reserved(engine, run)) == (800, 200)


def test_a_call_of_which_nobody_knows_what_it_took_is_counted_as_what_it_might_have(engine: Engine, run: uuid.UUID, page: Page) -> None:
    by = page().fence
    contents.reserve_tokens(engine, by, 900, most=1_000)
    contents.keep(engine, run, {}, by=WrittenBy.MODEL, spent=Spent(by=by, reserved=900, used=None))
    assert contents.reserve_tokens(engine, by, 101, most=1_000) is NEVER
    assert (counts(engine, run).tokens, reserved(engine, run)) == (900, 0)


def test_what_a_dead_worker_reserved_is_counted_as_used_by_who_goes_on_with_its_page(engine: Engine, run: uuid.UUID, page: Page) -> None:
    dead = page()
    assert contents.left_open(dead) is None
    contents.reserve_tokens(engine, dead.fence, 900, most=1_000)
    heir = page(dead.fence.number, attempt=2)
    left = contents.left_open(heir)
    assert left == Spent(by=heir.fence, reserved=900, used=None)
    contents.keep(engine, run, {}, by=WrittenBy.MODEL, spent=left)
    assert (counts(engine, run).tokens, reserved(engine, run)) == (900, 0)
    assert contents.left_open(page(dead.fence.number, attempt=3)) is None


def test_a_worker_thought_dead_neither_settles_nor_reserves_for_a_page_that_is_anothers(engine: Engine, run: uuid.UUID, page: Page) -> None:
    late = page()
    contents.reserve_tokens(engine, late.fence, 900, most=2_000)
    heir = page(late.fence.number, attempt=2)
    contents.keep(engine, run, {}, by=WrittenBy.MODEL, spent=contents.left_open(heir))
    contents.keep(engine, run, {1: {}}, by=WrittenBy.MODEL, spent=Spent(by=late.fence, reserved=900, used=700))
    assert counts(engine, run) == ContentCounts(from_model=1, from_faker=0, tokens=900)
    assert contents.reserve_tokens(engine, late.fence, 100, most=2_000) is LOST
    assert reserved(engine, run) == 0


def test_what_was_refused_is_not_left_open(engine: Engine, page: Page) -> None:
    by = page().fence
    assert contents.reserve_tokens(engine, by, 1_001, most=1_000) is NEVER
    assert contents.left_open(page(by.number, attempt=2)) is None
