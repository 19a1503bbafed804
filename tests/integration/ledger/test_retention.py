"""What ended long ago leaves room; its counts stay, and whatever still lives is not touched."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest
from sqlalchemy import text

from simulation_core.errors import LedgerBusyError, RunPurgedError
from simulation_core.ledger import claims, control, finishes, partitions, plans, progress, retention, retrying, runs
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.locks import Patience
from simulation_core.ledger.values import Claimed, Finish, Outcome, RecordResult, Status
from simulation_core.reasons import Reason

DAY_SECONDS = 86_400
HASTY = Patience(lock_timeouts_ms=(50, 50), pause_ms=1)


def purge(engine, run, **fields):
    return retention.purge(engine, run.id, retention_seconds=DAY_SECONDS, **fields)


def due(engine):
    return retention.due(engine, retention_seconds=DAY_SECONDS)


def ended(run, days_ago=2.0):
    """As if it had."""
    with transaction(run.engine) as connection:
        connection.execute(
            text("UPDATE simulations SET finished_at = finished_at - :days * interval '1 day' WHERE id = :id"),
            {"id": run.id, "days": days_ago},
        )
    return run


def finished(run):
    """One record failed after a try, the others were delivered; content was stored, and a delta is left."""
    first, *others = [run.claimed(batch) for batch in range(len(run.plan.batches))]
    rejected = [RecordResult(index=0, outcome=Outcome.PENDING, counts_as_try=True, reason="RecordRejected", message="again")]
    finishes.finish(run.engine, [Finish(fence=first.fence, results=rejected)])
    failed = [RecordResult(index=0, outcome=Outcome.FAILED, reason="RecordRejected", message="no")]
    ends = [Finish(fence=run.claimed(0, 2).fence, results=failed), *map(run.delivered, others)]
    assert all(finishes.finish(run.engine, ends))
    with transaction(run.engine) as connection:
        content = text("INSERT INTO contents (simulation_id, record, content, source) VALUES (:id, 0, '{}', 'Faker')")
        connection.execute(content, {"id": run.id})
        connection.execute(text("INSERT INTO errands (simulation_id, kind, state) VALUES (:id, 'prepare', 2)"), {"id": run.id})
    return run


def rows(engine, run):
    tables = ("batches", "contents", "errands", "record_errors", "deltas")
    with transaction(engine) as connection:
        return {
            table: connection.scalar(text(f"SELECT count(*) FROM {table} WHERE simulation_id = :id"), {"id": run.id}) for table in tables
        }


def tables_of(engine, run):
    with transaction(engine) as connection:
        return connection.scalar(text("SELECT to_regclass(:name)"), {"name": partitions.name_of(run.id)})


NOTHING = {"batches": 0, "contents": 0, "errands": 0, "record_errors": 0, "deltas": 0}


def in_own_partition(run):
    run.accepted()
    partitions.ensure(run.engine, run.id, batches=1, threshold=1)
    plans.store(run.engine, run.id, run.plan, 0)
    run.publish()
    return run


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own partition"])
def test_exactly_what_was_recorded_about_single_records_goes(engine, make_run, own):
    run = make_run().spec(failurePolicy={"maxFailedPercent": 50}).records(3)
    ended(finished(in_own_partition(run) if own else run.published()))
    neighbour = finished(make_run().records(3).published())
    assert rows(engine, run) == {"batches": 3, "contents": 1, "errands": 1, "record_errors": 2, "deltas": 1}
    before, others = runs.get(engine, run.id), rows(engine, neighbour)
    assert purge(engine, run)
    assert rows(engine, run) == NOTHING
    assert tables_of(engine, run) is None
    assert runs.get(engine, run.id) == replace(before, purged=True)
    assert (before.status, before.records_processed, before.records_failed) == (Status.COMPLETED, 2, 1)
    assert rows(engine, neighbour) == others
    assert run.column("purged_at") is not None
    assert due(engine) == []


def test_only_what_ended_longer_ago_than_the_retention_is_due(engine, make_run):
    oldest, old, young = (finished(make_run().published()) for _ in range(3))
    make_run().published()  # lives
    ended(oldest, 3), ended(old, 1.01), ended(young, 0.99)
    assert due(engine) == [oldest.id, old.id]
    assert not purge(engine, young)
    assert rows(engine, young)["batches"] == 1
    assert young.column("purged_at") is None


def test_a_run_that_somebody_still_delivers_waits_for_the_end_of_the_lease(engine, make_run):
    run = make_run().records(2).published()
    run.claimed()
    runs.mark_failed(engine, run.id, Reason.SPEC_INVALID, "")
    ended(run)
    assert due(engine) == []
    assert not purge(engine, run)
    run.lease_runs_out()
    assert purge(engine, run)


def test_a_run_cancelled_while_planning_loses_its_partition(engine, make_run):
    run = make_run().records(5).accepted()
    partitions.ensure(engine, run.id, batches=5, threshold=1)
    plans.store(engine, run.id, run.plan, 0, limit=2)
    control.cancel(engine, run.id)
    assert purge(engine, ended(run))
    assert tables_of(engine, run) is None


def test_a_deleted_run_loses_what_an_interrupted_making_of_its_partition_left(engine, make_run, monkeypatch):
    run = make_run().records(5).accepted()
    with monkeypatch.context() as dying:
        dying.setattr(partitions, "_attach", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            partitions.ensure(engine, run.id, batches=5, threshold=1)
    control.delete(engine, run.id)
    assert purge(engine, ended(run))
    assert tables_of(engine, run) is None
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_constraint WHERE conname LIKE 'without%'")) == 0


def test_a_deleted_run_is_due_by_its_deletion_though_nobody_settled_it(engine, make_run):
    run = make_run().records(2).published()
    run.claimed()
    control.delete(engine, run.id)
    run.lease_runs_out()
    assert runs.get(engine, run.id).finished_ms is None
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET deleted_at = deleted_at - interval '2 days'"))
    assert due(engine) == [run.id]


def test_a_reopened_run_is_not_due(engine, make_run):
    run = ended(finished(make_run().published()))
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET status = 'RUNNING', finished_at = NULL"))
    assert not purge(engine, run)
    assert rows(engine, run)["batches"] == 1


def test_it_goes_on_where_it_was_interrupted_and_marks_the_run_last(engine, make_run):
    run = ended(finished(make_run().records(10).published()))
    allowed = iter([True, True, False])
    assert not purge(engine, run, limit=3, go_on=lambda: next(allowed))
    assert rows(engine, run)["batches"] == 4
    assert run.column("purged_at") is None
    assert purge(engine, run, limit=3)
    assert rows(engine, run) == NOTHING


def test_each_transaction_deletes_a_bounded_number_of_rows(engine, make_run):
    run = ended(finished(make_run().records(10).published()))
    left = []

    def look():
        left.append(sum(rows(engine, run).values()))
        return True

    assert purge(engine, run, limit=3, go_on=look)
    assert all(before - after <= 3 for before, after in itertools.pairwise(left))


def test_rows_to_delete_are_found_by_index(engine, make_run):
    run, neighbour = make_run().due_at(*range(5000)).published(), make_run().published()
    with transaction(engine) as connection:
        pages = "INSERT INTO errands (simulation_id, kind, number, state) SELECT :id, 'prepare', n, 2 FROM generate_series(1, 5000) n"
        connection.execute(text(pages), {"id": neighbour.id})
        connection.execute(text("INSERT INTO contents SELECT gen_random_uuid(), n, '{}', 'Faker' FROM generate_series(1, 5000) n"))
        connection.execute(
            text("""
                INSERT INTO record_errors (simulation_id, record, attempt, final, reason, message)
                SELECT gen_random_uuid(), n, 1, n % 2 = 0, 'x', '' FROM generate_series(1, 5000) n
            """)
        )
        connection.execute(text("ANALYZE"))
        for what, statement in retention._DELETES.items():
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {statement}"), {"id": run.id, "after": 1000, "limit": 100}))
            assert what == "deltas" or "Seq Scan on" not in plan, plan


def test_a_partition_in_use_is_dropped_at_a_later_try(engine, make_run):
    run, neighbour = ended(finished(in_own_partition(make_run().records(3)))), make_run().published()
    with transaction(engine) as open_claim:
        open_claim.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR NO KEY UPDATE"), {"id": neighbour.id})
        with pytest.raises(LedgerBusyError):
            purge(engine, run, patience=HASTY)
        assert run.column("purged_at") is None
    assert purge(engine, run)
    assert tables_of(engine, run) is None


def test_running_simulations_count_on_exactly_while_others_are_purged(engine, make_run):
    living = [make_run().records(60).batches_of(3).published() for _ in range(3)]
    old = [ended(finished(make_run().records(200).published())) for _ in range(2)]
    old.append(ended(finished(in_own_partition(make_run().records(50)))))
    failures, barrier = [], threading.Barrier(len(living) + 1)

    def deliver(run):
        for batch in range(20):
            (got,) = claims.claim(engine, [run.request(batch)], lease_ms=60_000)
            assert isinstance(got, Claimed)
            assert finishes.finish(engine, [run.delivered(got)]) == [True]

    def guarded(work):
        try:
            barrier.wait(10)
            work()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    works = [*((lambda run=run: deliver(run)) for run in living), lambda: [purge(engine, run, limit=10) for run in old]]
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [(runs.get(engine, run.id).status, run.column("records_processed")) for run in living] == [(Status.COMPLETED, 60)] * 3
    assert [rows(engine, run)["batches"] for run in old] == [0, 0, 0]
    while progress.fold(engine):
        pass


def test_a_plan_that_comes_after_the_purge_is_not_stored(engine, make_run):
    """A planner that was held up for longer than the retention must not leave rows that nobody would ever remove."""
    run = make_run().records(4).accepted()
    plans.store(engine, run.id, run.plan, 0, limit=2)
    control.cancel(engine, run.id)
    assert purge(engine, ended(run))
    with pytest.raises(RunPurgedError):
        plans.store(engine, run.id, run.plan, 2)
    assert rows(engine, run)["batches"] == 0


def test_what_is_being_purged_is_not_reopened_and_the_wish_is_remembered(engine, make_run):
    """A half of it would be missing, and the run would go on for ever."""
    run = ended(finished(make_run().records(10).published()))
    assert not purge(engine, run, go_on=lambda: False)  # the failed record is still there
    assert run.column("purging_at") is not None
    assert retrying.retry_failed(engine, run.id, "one") == 0
    found = runs.get(engine, run.id)
    assert (found.status, found.purged, found.retry_token, found.records_failed) == (Status.FAILED, True, "one", 1)
    assert purge(engine, run)
    assert retrying.retry_failed(engine, run.id, "two") == 0
    assert runs.get(engine, run.id).retry_token == "two"


def test_a_retry_that_waited_for_the_beginning_of_a_purge_sees_it(engine, make_run, in_thread, waiting_backends, until):
    run = ended(finished(make_run().records(2).published()))
    tried = []
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        retry = in_thread(lambda: tried.append(retrying.retry_failed(engine, run.id, "one")))
        until(lambda: waiting_backends() == 1)
        connection.execute(text("UPDATE simulations SET purging_at = statement_timestamp() WHERE id = :id"), {"id": run.id})
    retry.join(10)
    assert tried == [0]
    assert purge(engine, run)


def test_a_purge_that_waited_for_a_retry_leaves_the_run_alone(engine, make_run, in_thread, waiting_backends, until, monkeypatch):
    run = ended(finished(make_run().records(2).published()))
    purged, threads, lock = [], [], retrying._lock

    def lock_and_be_met_by_a_purge(*given):
        locked = lock(*given)
        threads.append(in_thread(lambda: purged.append(purge(engine, run))))
        until(lambda: waiting_backends() == 1)
        return locked

    monkeypatch.setattr(retrying, "_lock", lock_and_be_met_by_a_purge)
    assert retrying.retry_failed(engine, run.id, "one") == 1
    threads[0].join(10)
    assert purged == [False]
    assert (runs.get(engine, run.id).status, rows(engine, run)["batches"]) == (Status.RUNNING, 2)
    assert run.column("purging_at") is None


def test_an_interrupted_purge_is_due_whatever_the_retention_is_by_then(engine, make_run):
    run = ended(finished(make_run().records(10).published()))
    allowed = iter([True, False])
    assert not purge(engine, run, limit=3, go_on=lambda: next(allowed))
    longer = DAY_SECONDS * 30
    assert retention.due(engine, retention_seconds=longer) == [run.id]
    assert retention.purge(engine, run.id, retention_seconds=longer)
    assert rows(engine, run) == NOTHING
