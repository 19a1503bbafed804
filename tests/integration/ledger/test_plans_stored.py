"""Storing a plan survives crashes between its transactions, and two that store at once."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from simulation_core.errors import PlanIncompleteError
from simulation_core.ledger import control, demands, known, partitions, plans, runs, statistics
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Status
from simulation_core.plan import Batches
from simulation_core.plan.feasibility import Advice, Demand

ADVICE = Advice(
    portal_calls_per_ten_seconds=1,
    portal_calls_per_day=2,
    late_milliseconds=3,
    duration_seconds=4,
    end_time=None,
    tolerance_milliseconds=None,
)


def stored(engine, run):
    with transaction(engine) as connection:
        rows = connection.execute(
            text("SELECT number, first_record, offset_ms, record_offsets FROM batches WHERE simulation_id = :id ORDER BY number"),
            {"id": run.id},
        )
        return [tuple(row) for row in rows]


def test_storing_goes_on_from_the_watermark_after_a_crash(engine, make_run):
    run = make_run().due_at(0, 3, 10, 10, 20).batches_of(2).accepted()
    assert plans.store(engine, run.id, run.plan, 0, limit=2) == 2
    # the process dies here; the next one begins at the beginning, and is told where to go on
    assert plans.store(engine, run.id, run.plan, 0, limit=2) == 2
    assert plans.store(engine, run.id, run.plan, 2, limit=2) == 3
    assert stored(engine, run) == [(0, 0, 3, [3, 0]), (1, 2, 10, [0, 0]), (2, 4, 20, [0])]


def test_storing_a_stretch_again_changes_nothing(engine, make_run):
    run = make_run().due_at(0, 3, 10).accepted()
    assert plans.store(engine, run.id, run.plan, 0) == 3
    assert plans.store(engine, run.id, run.plan, 0) == 3
    assert plans.store(engine, run.id, run.plan, 3) == 3
    assert len(stored(engine, run)) == 3


def test_two_that_store_the_same_stretch_at_once_store_it_once(engine, make_run):
    run = make_run().records(3000).accepted()
    barrier = threading.Barrier(3)
    marks = []

    def store():
        barrier.wait(10)
        marks.append(plans.store(engine, run.id, run.plan, 0))

    threads = [threading.Thread(target=store) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert marks == [3000] * 3
    assert len(stored(engine, run)) == 3000


def test_a_plan_is_published_once_and_only_whole(engine, make_run):
    run = make_run().records(3).accepted()
    plans.store(engine, run.id, run.plan, 0, limit=2)
    with pytest.raises(PlanIncompleteError, match="2 of 3 batches"):
        run.publish()
    plans.store(engine, run.id, run.plan, 2)
    run.publish()
    assert runs.get(engine, run.id).status is Status.QUEUED
    run.claimed()
    run.publish()
    assert runs.get(engine, run.id).status is Status.RUNNING
    assert (run.column("planned")[0], run.column("objects")) == (3, {"contacts": 3})


def test_publishing_again_leaves_the_advice_that_was_found_meanwhile(engine, make_run):
    run = make_run().published()
    advised = Demand(load=run.load, advice=ADVICE)
    demands.store(engine, run.id, advised)
    run.publish()
    assert known.of(engine, run.id).demand == advised


def test_a_run_suspended_while_planning_is_published_and_resumed_as_queued(engine, make_run):
    run = make_run().records(2).accepted()
    assert control.suspend(engine, run.id) == 0
    assert runs.get(engine, run.id).status is Status.SUSPENDED
    control.resume(engine, run.id)
    assert runs.get(engine, run.id).status is Status.PLANNING
    control.suspend(engine, run.id)
    plans.store(engine, run.id, run.plan, 0)
    run.publish()
    assert runs.get(engine, run.id).status is Status.SUSPENDED
    control.resume(engine, run.id)
    assert runs.get(engine, run.id).status is Status.QUEUED


def test_a_transaction_that_fails_leaves_nothing_behind(engine, make_run):
    run = make_run().records(4).accepted()
    broken = replace(run.plan, offsets_ms=run.plan.offsets_ms[:2])
    with pytest.raises(IndexError, match="out of bounds"):
        plans.store(engine, run.id, broken, 0)
    assert plans.watermark(engine, run.id) == 0
    assert stored(engine, run) == []


def test_batches_of_every_size_come_back_as_they_were_planned(engine, make_run):
    """Several pieces of COPY data, with rows of equal and of different length in one piece."""
    sizes = [*range(1, 101)] * 30 + [1] * 2000 + [7] * 2000
    ends = np.cumsum(sizes)
    firsts = ends - sizes
    offsets = np.cumsum(np.random.default_rng(5).integers(0, 86_400_000 // 100, int(ends[-1])))  # no batch is wider than a day
    batches = Batches(first_record=firsts, count=np.array(sizes, dtype=np.int16), offset_ms=offsets[ends - 1])
    run = make_run().records(1).accepted()
    plan = replace(run.plan, offsets_ms=offsets, batches=batches)
    assert plans.store(engine, run.id, plan, 0, limit=3_500) == 3_500
    assert plans.store(engine, run.id, plan, 3_500) == 7_000
    assert stored(engine, run) == [
        (number, first, int(offsets[first + size - 1]), (offsets[first + size - 1] - offsets[first : first + size]).tolist())
        for number, (first, size) in enumerate(zip(firsts.tolist(), sizes, strict=True))
    ]


@pytest.mark.parametrize("own", [False, True], ids=["shared", "of its own"])
def test_a_stored_plan_has_statistics_before_it_is_published(engine, make_run, own):
    run = make_run().records(3000).accepted()
    partitions.ensure(engine, run.id, batches=3000, threshold=1 if own else 1_000_000)
    plans.store(engine, run.id, run.plan, 0)
    table = partitions.name_of(run.id) if own else "batches_shared"

    def known_rows():
        with transaction(engine) as connection:
            return connection.scalar(text("SELECT reltuples FROM pg_class WHERE relname = :table"), {"table": table})

    assert known_rows() == -1  # never looked at
    statistics.gather(engine, run.id, batches=3000)
    assert known_rows() == -1  # too few to be worth it
    statistics.gather(engine, run.id, batches=3000, worth_batches=3000)
    assert known_rows() == 3000


def test_statistics_that_another_gathers_are_not_waited_for(engine, make_run, caplog):
    caplog.set_level("INFO")
    run = make_run().records(2).accepted()
    with transaction(engine) as connection:
        connection.execute(text("LOCK TABLE batches_shared IN SHARE UPDATE EXCLUSIVE MODE"))
        statistics.gather(engine, run.id, batches=2, worth_batches=1)
    assert "gathered by another" in caplog.text
