"""A large plan gets a partition of its own, whatever dies on the way, and nobody else waits for it."""

from __future__ import annotations

import threading

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from simulation_core.errors import LedgerBusyError
from simulation_core.ledger import claims, partitions, plans, runs
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.ledger.locks import Patience
from simulation_core.ledger.values import Claimed, Status

HASTY = Patience(lock_timeouts_ms=(50, 50), pause_ms=1)
STEPS = ("_create", "_exclude", "_validate", "_attach")


def own(engine, run, **fields):
    return partitions.ensure(engine, run.id, batches=len(run.plan.batches), threshold=1, **fields)


def where(engine, run):
    """The table each row of the run is in."""
    with transaction(engine) as connection:
        query = text("SELECT DISTINCT tableoid::regclass::text FROM batches WHERE simulation_id = :id")
        return list(connection.scalars(query, {"id": run.id}))


def remains(engine):
    """What making partitions must not leave: constraints on the shared one, and tables that belong to nothing."""
    with transaction(engine) as connection:
        return list(
            connection.scalars(
                text("""
                    SELECT conname FROM pg_constraint WHERE conrelid = 'batches_shared'::regclass AND conname LIKE 'without%'
                    UNION ALL
                    SELECT relname FROM pg_class c WHERE relkind = 'r' AND relname LIKE 'batches_%'
                      AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
                """)
            )
        )


def store_and_publish(engine, run):
    first = plans.watermark(engine, run.id)
    while first < len(run.plan.batches):
        first = plans.store(engine, run.id, run.plan, first, limit=2)
    run.publish()


def test_a_large_plan_is_stored_in_a_partition_of_its_own_and_delivered_from_it(engine, make_run):
    run, neighbour = make_run().records(5).accepted(), make_run().records(2).published()
    assert own(engine, run)
    store_and_publish(engine, run)
    assert where(engine, run) == [partitions.name_of(run.id)]
    assert where(engine, neighbour) == ["batches_shared"]
    assert remains(engine) == []
    assert runs.get(engine, run.id).status is Status.QUEUED
    assert isinstance(run.claimed(4), Claimed)


def test_a_small_plan_shares(engine, make_run):
    run = make_run().records(5).accepted()
    assert not partitions.ensure(engine, run.id, batches=999_999)
    store_and_publish(engine, run)
    assert where(engine, run) == ["batches_shared"]


def test_asking_again_changes_nothing(engine, make_run):
    run = make_run().records(5).accepted()
    assert own(engine, run)
    plans.store(engine, run.id, run.plan, 0, limit=2)
    assert own(engine, run)
    store_and_publish(engine, run)
    assert where(engine, run) == [partitions.name_of(run.id)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_at_any_step_leaves_what_the_next_attempt_heals(engine, make_run, monkeypatch, step, after):
    run, other = make_run().records(5).accepted(), make_run().records(1).published()
    real = getattr(partitions, step)

    def dies(*arguments):
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(partitions, step, dies)
        with pytest.raises(KeyboardInterrupt):
            own(engine, run)
    assert isinstance(other.claimed(), Claimed)
    assert own(engine, run)
    store_and_publish(engine, run)
    assert where(engine, run) == [partitions.name_of(run.id)]
    assert remains(engine) == []


def test_what_a_dead_attempt_left_on_the_shared_partition_goes_with_the_next_run_that_gets_one(engine, make_run, monkeypatch):
    dead, run = make_run().accepted(), make_run().accepted()
    with monkeypatch.context() as dying:
        dying.setattr(partitions, "_attach", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            own(engine, dead)
    assert own(engine, run)
    assert remains(engine) == [partitions.name_of(dead.id)]
    partitions.drop(engine, dead.id)
    assert remains(engine) == []


def test_a_run_with_rows_in_the_shared_partition_stays_there(engine, make_run):
    run = make_run().records(5).accepted()
    plans.store(engine, run.id, run.plan, 0, limit=2)
    assert not own(engine, run)
    store_and_publish(engine, run)
    assert where(engine, run) == ["batches_shared"]
    assert remains(engine) == []


def test_rows_that_another_stores_meanwhile_win(engine, make_run, monkeypatch):
    """They come between the look and the constraint: validating it finds them."""
    run = make_run().records(5).accepted()
    real = partitions._exclude

    def too_late(*arguments):
        plans.store(engine, run.id, run.plan, 0, limit=2)
        real(*arguments)

    monkeypatch.setattr(partitions, "_exclude", too_late)
    assert not own(engine, run)
    store_and_publish(engine, run)
    assert where(engine, run) == ["batches_shared"]
    assert remains(engine) == []


def test_no_row_of_the_run_enters_the_shared_partition_once_it_is_excluded(engine, make_run, monkeypatch):
    run = make_run().records(5).accepted()
    real = partitions._validate

    def store_first(*arguments):
        with pytest.raises(psycopg.errors.CheckViolation):
            plans.store(engine, run.id, run.plan, 0, limit=2)
        real(*arguments)

    monkeypatch.setattr(partitions, "_validate", store_first)
    assert own(engine, run)
    assert plans.watermark(engine, run.id) == 0


def test_two_operators_that_plan_the_same_run_make_one_partition(engine, make_run):
    run = make_run().records(40).accepted()
    barrier, failures = threading.Barrier(3), []

    def plan():
        try:
            barrier.wait(10)
            assert own(engine, run)
            store_and_publish(engine, run)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=plan) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert where(engine, run) == [partitions.name_of(run.id)]
    assert run.column("batches_stored") == 40


def test_a_batch_can_not_be_stored_twice(engine, make_run):
    run = make_run().records(2).accepted()
    own(engine, run)
    store_and_publish(engine, run)
    again = "INSERT INTO batches (simulation_id, number, first_record, offset_ms, record_offsets) VALUES (:id, 1, 0, 0, '{0}')"
    with pytest.raises(IntegrityError, match="duplicate key"), transaction(engine) as connection:
        connection.execute(text(again), {"id": run.id})


def test_attaching_does_not_read_the_shared_partition(engine, make_run, monkeypatch):
    """Postgres says so itself; without the constraint it would have read all rows of all other runs under ACCESS EXCLUSIVE."""
    run, said = make_run().records(5).accepted(), []
    make_run().records(10).published()
    real = partitions._attach

    def listening(driver, *arguments):
        driver.add_notice_handler(lambda notice: said.append(notice.message_primary))
        with driver.transaction():
            driver.execute("SET client_min_messages = debug1")
        real(driver, *arguments)
        with driver.transaction():
            driver.execute("RESET client_min_messages")

    monkeypatch.setattr(partitions, "_attach", listening)
    assert own(engine, run)
    assert [line for line in said if "is implied by existing constraints" in line] == [
        'updated partition constraint for default partition "batches_shared" is implied by existing constraints'
    ]
    assert 'verifying table "batches_shared"' not in said


def test_an_open_claim_bounds_how_long_others_wait_and_the_partition_comes_later(engine, make_run):
    """Whoever wants the shared partition queues behind the request for its lock: for the lock's timeout, not for the open transaction."""
    run, neighbour = make_run().records(5).accepted(), make_run().records(2).published()
    with transaction(engine) as open_claim:
        open_claim.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR NO KEY UPDATE"), {"id": neighbour.id})
        with pytest.raises(LedgerBusyError, match="is a transaction left open"):
            own(engine, run, patience=HASTY)
        other = make_run().records(1).published()
        assert isinstance(claims.claim(engine, [other.request()], lease_ms=1000)[0], Claimed)
    assert own(engine, run)
    assert remains(engine) == []


def test_claims_go_on_while_the_lock_is_waited_for(engine, make_run, in_thread, waiting_backends, until):
    run, neighbour, third = make_run().records(5).accepted(), make_run().records(2).published(), make_run().records(1).published()
    patient = Patience(lock_timeouts_ms=(300,) * 60, pause_ms=1)
    made = []
    with transaction(engine) as open_claim:
        open_claim.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR NO KEY UPDATE"), {"id": neighbour.id})
        planning = in_thread(lambda: made.append(own(engine, run, patience=patient)))
        until(lambda: waiting_backends() > 0)
        claiming = in_thread(third.claimed)
        claiming.join(10)
        assert not claiming.is_alive()  # it waited for a timeout's length at most, though the transaction stays open
        assert made == []
    planning.join(20)
    assert made == [True]


def test_a_user_who_may_not_make_tables_shares_and_is_told_once(engine, make_run, caplog):
    run = make_run().records(5).accepted()
    with transaction(engine) as connection:
        connection.execute(text("DROP ROLE IF EXISTS clerk"))
        connection.execute(text("CREATE ROLE clerk LOGIN PASSWORD 'clerk'"))
        connection.execute(text("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk"))
    clerks = create_ledger_engine(
        make_url(engine.url).set(drivername="postgresql", username="clerk", password="clerk").render_as_string(hide_password=False),
        application_name="clerk",
    )
    try:
        assert not own(clerks, run)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "permission denied" in caplog.text
        store_and_publish(clerks, run)
        assert where(engine, run) == ["batches_shared"]
        with transaction(engine) as connection:
            connection.execute(text("GRANT CREATE ON SCHEMA public TO clerk"))
        another = make_run().records(5).accepted()
        assert not own(clerks, another)  # may make tables, but isn't the owner of batches
        assert remains(engine) == []
    finally:
        clerks.dispose()
        with transaction(engine) as connection:
            connection.execute(text("DROP OWNED BY clerk; DROP ROLE clerk"))


def test_dropping_takes_the_batches_of_this_run_only(engine, make_run):
    run, neighbour = make_run().records(5).accepted(), make_run().records(2).published()
    own(engine, run)
    store_and_publish(engine, run)
    assert partitions.drop(engine, run.id)
    assert not partitions.drop(engine, run.id)
    assert (where(engine, run), where(engine, neighbour)) == ([], ["batches_shared"])
    assert neighbour.claimed()
