"""Beside plans in partitions of their own, each question reads its own run's partition, by an index, and no other."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from simulation_core.ledger import backlog, claims, control, dispatch, finishes, missed, partitions, plans, progress, skipping
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.sql import taken_for_few
from simulation_core.ledger.values import Fence, Finish, Outcome, RecordResult

SIZE = 3000
NO_MARKS = {"ids": [], "versions": [], "throughs": [], "mores": []}


@pytest.fixture
def large_runs(engine, make_run):
    """Three in partitions of their own, one that shares; due in an hour, but for their first ten batches."""
    made = [make_run().started_ms_ago(1000).due_at(*range(10), *range(3_600_000, 3_600_000 + SIZE)) for _ in range(4)]
    for number, run in enumerate(made):
        run.accepted()
        if number < 3:
            partitions.ensure(engine, run.id, batches=SIZE, threshold=1)
        plans.store(engine, run.id, run.plan, 0)
        run.publish()
    with transaction(engine) as connection:
        connection.execute(text("ANALYZE"))
    return made


def executed(connection, statement, values, *, generic=True):
    """The lines of the plan that were carried out; `generic`: with the plan that a connection keeps for any values."""
    connection.execute(text(f"SET LOCAL plan_cache_mode = {'force_generic_plan' if generic else 'force_custom_plan'}"))
    lines = connection.scalars(text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}"), values)
    return [line for line in lines if "never executed" not in line]


def columns(fence):
    return grouped([fence]).parameters


def read(lines):
    """Which partitions were read, and how."""
    return [line.strip() for line in lines if " on batches" in line and "Scan" in line]


def asked(run, question):
    """A statement about one batch of the run, with its values."""
    fence = run.claimed(0).fence
    result = [RecordResult(index=0, outcome=Outcome.DELIVERED)]
    return {
        "claim": (claims.CLAIM, {**columns(Fence(simulation_id=run.id, batch=1, attempt=1)), "lease_ms": 1000, "missed_after_ms": 60_000}),
        "renew": (claims.RENEW, {**columns(fence), "lease_ms": 1000}),
        "release": (claims.RELEASE, {**columns(fence), "retry_after_ms": 0, "crashed": False}),
        "finish": (finishes.finish_statement(), finishes.parameters(grouped([fence]), [Finish(fence=fence, results=result)])),
    }[question]


@pytest.mark.parametrize("number", [0, 3], ids=["own partition", "shared"])
@pytest.mark.parametrize("question", ["claim", "renew", "release", "finish"])
def test_what_a_worker_asks_touches_one_partition_by_its_key(engine, large_runs, question, number):
    run = large_runs[number]
    statement, values = asked(run, question)
    table = partitions.name_of(run.id) if number < 3 else "batches_shared"
    with transaction(engine) as connection:
        scans = read(executed(connection, statement, values))
    assert scans
    assert all(f"Index Scan using {table}_" in scan for scan in scans), scans


@pytest.mark.parametrize(("question", "row"), [("renew", "l"), ("release", "l"), ("finish", "e")])
def test_taken_for_large_a_group_would_be_joined_with_all_of_a_partition(engine, large_runs, question, row):
    """Each statement's words that make it small, taken out on purpose."""
    run = large_runs[0]
    statement, values = asked(run, question)
    assert taken_for_few(row) in statement
    with transaction(engine) as connection:
        scans = read(executed(connection, statement.replace(taken_for_few(row), "true"), values))
    assert [scan for scan in scans if "Seq Scan" in scan], scans


@pytest.mark.parametrize("generic", [False, True], ids=["planned for the values", "planned once"])
def test_what_is_asked_of_all_runs_finds_each_run_s_rows_by_index(engine, large_runs, generic):
    ids = [run.id for run in large_runs]
    questions = {
        "upcoming": (dispatch.UPCOMING, {**NO_MARKS, "horizon_ms": 60_000, "limit": 100, "few": 4, "portals": None}),
        "waiting": (dispatch.WAITING, {"horizon_ms": 60_000, "limit": 100, "portals": ["default"]}),
        "overdue": (dispatch.OVERDUE, {"limit": 100, "portals": ["default"], "served": ids, "shares": 2}),
        "backlog": (backlog.BACKLOG, {"lead_ms": 15_000, "portals": ["default"], "most": 100, "content_for": ["default"]}),
        "progress": (progress.PROGRESS, {"ids": ids}),
        "missed": (missed.CANDIDATES, {"id": None, "missed_after_ms": 60_000, "limit": 100}),
        "earliest missed": (missed.LOOK, {"id": ids[0]}),
        "to skip": (skipping.TO_SWEEP, {}),
        "draining": (str(control._COUNT_CLAIMS), {"id": ids[0]}),
    }
    with transaction(engine) as connection:
        connection.execute(
            text("""UPDATE simulations SET skip_until = statement_timestamp(), spec = spec || '{"missedRecords": "Skip"}'""")
        )
        for question, (statement, values) in questions.items():
            scans = read(executed(connection, statement, values, generic=generic))
            assert scans, question
            assert not [scan for scan in scans if "Seq Scan" in scan], (question, scans)


def test_a_connection_plans_a_statement_once_whatever_its_values(engine):
    with transaction(engine) as connection:
        for _ in range(10):  # the driver prepares what it has met five times
            connection.execute(text("SELECT FROM batches WHERE simulation_id = :id AND number = :n"), {"id": uuid.uuid4(), "n": 1})
        planned = text("SELECT generic_plans > 0, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM batches%'")
        assert connection.execute(planned).all() == [(True, 0)]
