"""Which records are asked for when: each page once, a stated time before it is due, and never a big run's all at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import control, errands, preparing
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.preparing import MOST_OPEN, RECORDS_A_PAGE

Publish = Callable[..., uuid.UUID]


def opened(engine: Engine, run: uuid.UUID) -> list[int]:
    with transaction(engine) as connection:
        statement = text("SELECT number FROM errands WHERE simulation_id = :id AND kind = 'prepare' ORDER BY number")
        return list(connection.scalars(statement, {"id": run}))


def done(engine: Engine, run: uuid.UUID) -> None:
    with transaction(engine) as connection:
        connection.execute(text("UPDATE errands SET state = 2, lease_until = NULL WHERE simulation_id = :id"), {"id": run})


def test_pages_are_opened_when_their_first_record_is_due_within_the_lead(engine: Engine, pages: Any, publish: Publish) -> None:
    """A record a second."""
    run = publish(records=200, batch_size=1, due_in_ms=1_000, over_ms=199_000)
    assert pages.open(lead_ms=30_500) == 2
    assert opened(engine, run) == [0, 1]
    assert pages.open(lead_ms=30_500) == 0
    pages.open(lead_ms=70_500)
    assert opened(engine, run) == [0, 1, 2, 3]


def test_single_records_and_full_batches_have_the_same_pages(engine: Engine, pages: Any, publish: Publish) -> None:
    for batch_size in (1, 7, 20, 100):
        run = publish(records=100, batch_size=batch_size)
        pages.open()
        assert opened(engine, run) == [0, 1, 2, 3, 4]


def test_what_is_due_already_is_not_opened(engine: Engine, pages: Any, publish: Publish) -> None:
    late = publish(records=40, due_in_ms=-5_000)
    half = publish(records=100, batch_size=10, due_in_ms=-50_500, over_ms=100_000)
    pages.open()
    assert opened(engine, late) == []
    assert opened(engine, half)[0] == 2  # its first records are late, its last ones not


def test_only_runs_that_want_a_model_and_are_on(engine: Engine, pages: Any, publish: Publish, ledger: Any) -> None:
    by_faker, elsewhere = ledger.publish(due_in_ms=60_000), publish(portal="other")
    suspended, cancelled, deleted = publish(), publish(), publish()
    control.suspend(engine, suspended)
    control.cancel(engine, cancelled)
    control.delete(engine, deleted)
    pages.open()
    assert all(opened(engine, run) == [] for run in (by_faker, elsewhere, suspended, cancelled, deleted))
    control.resume(engine, suspended)
    pages.open()
    assert opened(engine, suspended) == [0]


def test_a_dense_run_comes_back_for_more_and_others_get_their_turn(engine: Engine, pages: Any, publish: Publish) -> None:
    dense = publish(records=10_000)
    pages.open()
    assert opened(engine, dense) == list(range(MOST_OPEN))
    small = publish()
    assert pages.open() == 1
    assert opened(engine, small) == [0]
    done(engine, dense)
    pages.open()
    assert opened(engine, dense) == list(range(2 * MOST_OPEN))


def test_what_was_opened_is_offered_as_jobs_of_its_kind(engine: Engine, pages: Any, publish: Publish) -> None:
    run = publish(records=2 * RECORDS_A_PAGE)
    pages.open()
    found = errands.offers(engine, portals=["default"], horizon_ms=0, limit=100)
    assert [(offer.simulation_id, offer.batch, offer.attempt) for offer in found[Kind.PREPARE]] == [(run, 0, 1), (run, 1, 1)]


def test_several_dispatchers_open_each_page_once(engine: Engine, pages: Any, publish: Publish, until: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    run = publish(records=1_000)
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda _: preparing.open_pages(engine, portals=["default"], lead_ms=120_000), range(6)))
    assert sum(made) == len(opened(engine, run)) == 50
