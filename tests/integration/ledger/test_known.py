"""What the lifecycle decides by, from one statement: the run, its plan, and what workers were asked to do for it."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import event, text

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import control, errands, known, plans, runs
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.ledger.errands import Done
from simulation_core.ledger.values import ClaimRequest, RunState
from simulation_core.plan.feasibility import Demand


def test_what_was_never_accepted_is_not_known(engine):
    assert known.of(engine, uuid.uuid4()) is None


def test_of_a_new_run_there_is_its_row_and_nothing_else(engine, make_run):
    run = make_run().accepted()
    seen = known.of(engine, run.id)
    assert seen == known.Known(run=runs.get(engine, run.id), planned=False, demand=None, verify_token=None, archived=None)


def test_a_plan_counts_once_it_is_published_and_has_its_load_from_then_on(engine, make_run):
    run = make_run().accepted()
    plans.store(engine, run.id, run.plan, 0)
    assert (known.of(engine, run.id).planned, known.of(engine, run.id).demand) == (False, None)
    run.publish()
    assert (known.of(engine, run.id).planned, known.of(engine, run.id).demand) == (True, Demand(load=run.load))


def test_a_plan_that_an_earlier_release_published_without_its_load_is_a_plan(engine, make_run):
    run = make_run().published()
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET load = '{}'"))
    assert (known.of(engine, run.id).planned, known.of(engine, run.id).demand) == (True, None)


def test_what_is_wanted_of_it_is_told(engine, make_run):
    run = make_run().published()
    control.delete(engine, run.id)
    assert known.of(engine, run.id).run.run_state is RunState.DELETED


def test_the_wish_to_verify_is_the_last_one(engine, make_run):
    run = make_run().published()
    for token in ("one", "two"):
        errands.ask(engine, run.id, "verify", token=token)
        assert known.of(engine, run.id).verify_token == token


def test_archiving_is_asked_for_and_then_done(engine, make_run):
    run, other = make_run().published(), make_run().published()
    errands.ask(engine, run.id, "archive")
    assert known.of(engine, run.id).archived is False
    claimed = errands.claim(engine, "archive", ClaimRequest(simulation_id=run.id, batch=0, attempt=1), lease_ms=60_000)
    assert known.of(engine, run.id).archived is False
    errands.end(engine, claimed.fence, Done())
    assert known.of(engine, run.id).archived is True
    assert known.of(engine, other.id).archived is None


def test_of_errands_in_parts_none_is_taken_for_that_of_the_run(engine, make_run):
    run = make_run().published()
    errands.ask(engine, run.id, "verify", token="of a part", number=1)
    errands.ask(engine, run.id, "archive", number=1)
    nothing_asked = replace(known.of(engine, run.id), verify_token=None, archived=None)
    assert known.of(engine, run.id) == nothing_asked


def test_it_takes_one_connection_out_of_the_pool_once(engine, make_run):
    run = make_run().published()
    taken = []
    event.listen(engine, "checkout", lambda *_: taken.append(1))
    known.of(engine, run.id)
    assert taken == [1]


def test_postgres_away_is_an_outage():
    away = create_ledger_engine("postgresql://nobody:secret@127.0.0.1:1/nowhere", application_name="test")
    with pytest.raises(LedgerUnavailableError):
        known.of(away, uuid.uuid4())
