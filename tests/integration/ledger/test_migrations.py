"""The schema comes and goes as a whole, and leaves alone what it didn't make."""

from __future__ import annotations

import threading
import uuid

import psycopg
import pytest

from simulation_core.ledger import accept, migrate, partitions
from simulation_core.ledger.engine import create_ledger_engine, schema_state

DESIGNED_COLUMNS = {
    "id": "uuid",
    "user_id": "uuid",
    "status": "text",
    "start_time": "timestamp with time zone",
    "end_time": "timestamp with time zone",
    "scenario": "text",
    "distribution_method": "text",
    "total_records": "integer",
    "records_processed": "integer",
    "created_at": "timestamp with time zone",
    "updated_at": "timestamp with time zone",
}


def tables(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"alembic_version"}


def state(url):
    engine = create_ledger_engine(url, application_name="test")
    try:
        return schema_state(engine)
    finally:
        engine.dispose()


def foreign_users(url):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE users (email text NOT NULL DEFAULT '', id uuid PRIMARY KEY, created_at timestamptz, team integer)")


def test_up_makes_everything_and_down_removes_everything(database_url):
    assert state(database_url).current is None
    assert not state(database_url).new_enough
    migrate.upgrade(database_url)
    assert tables(database_url) >= {"users", "simulations", "simulation_control", "batches", "record_errors", "contents", "deltas"}
    assert state(database_url).new_enough
    migrate.downgrade(database_url)
    assert tables(database_url) == set()
    migrate.upgrade(database_url)
    assert "simulations" in tables(database_url)


def test_simulations_begins_with_the_designed_columns(migrated_url):
    with psycopg.connect(migrated_url) as connection:
        rows = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'simulations' ORDER BY ordinal_position"
        ).fetchall()
    assert dict(rows[: len(DESIGNED_COLUMNS)]) == DESIGNED_COLUMNS
    assert [name for name, _ in rows[: len(DESIGNED_COLUMNS)]] == list(DESIGNED_COLUMNS)


def insert_simulation(url, *, user, status):
    with psycopg.connect(url) as connection:
        connection.execute(
            """INSERT INTO simulations (id, user_id, status, scenario, distribution_method, total_records, namespace, name, seed, portal,
               spec, plan_version, tolerance_milliseconds) VALUES (%s, %s, %s, 'B2B', 'Linear', 1, '', '', 1, '', '{}', 1, 0)""",
            [uuid.uuid4(), user, status],
        )


def test_a_status_outside_the_list_is_refused(migrated_url):
    user = uuid.uuid4()
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO users (id) VALUES (%s)", [user])
    insert_simulation(migrated_url, user=user, status="PLANNING")
    with pytest.raises(psycopg.errors.CheckViolation):
        insert_simulation(migrated_url, user=user, status="LOST")


def test_two_migrations_at_once_both_succeed(database_url):
    failures = []

    def run():
        try:
            migrate.upgrade(database_url)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shall show it
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert state(database_url).new_enough


def test_a_foreign_users_table_is_used_and_survives_the_downgrade(database_url):
    foreign_users(database_url)
    migrate.upgrade(database_url)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert_simulation(database_url, user=uuid.uuid4(), status="PLANNING")
    migrate.downgrade(database_url)
    assert tables(database_url) == {"users"}


def test_the_mark_on_our_users_table_is_the_one_that_acceptance_looks_for(migrated_url):
    with psycopg.connect(migrated_url) as connection:
        mark = connection.execute("SELECT obj_description('users'::regclass, 'pg_class')").fetchone()
    assert mark == (accept.USERS_MARK,)


def test_a_newer_schema_is_new_enough(migrated_url):
    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert state(migrated_url).new_enough


def test_without_a_database_url_the_process_ends_with_one_line_that_names_it(monkeypatch):
    monkeypatch.delenv("SIMULATION_DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["simulation-migrate"])
    with pytest.raises(SystemExit, match="SIMULATION_DATABASE_URL must be set"):
        migrate.main()


def test_the_process_migrates_up_and_down(database_url, monkeypatch):
    monkeypatch.setenv("SIMULATION_DATABASE_URL", database_url)
    monkeypatch.setattr("sys.argv", ["simulation-migrate"])
    migrate.main()
    assert state(database_url).new_enough
    monkeypatch.setattr("sys.argv", ["simulation-migrate", "--down"])
    migrate.main()
    assert tables(database_url) == set()


INSERT_BATCH = "INSERT INTO batches (simulation_id, number, first_record, offset_ms, record_offsets) VALUES (%s, 0, 0, %s, '{0}')"


def test_rows_from_before_the_partitions_stay_and_come_back(database_url):
    migrate.upgrade(database_url, "0002")
    with psycopg.connect(database_url) as connection:
        connection.execute(INSERT_BATCH, [uuid.UUID(int=1), 7])
    migrate.upgrade(database_url)
    assert {"batches", "batches_shared"} <= tables(database_url)
    with psycopg.connect(database_url) as connection:
        own = uuid.UUID(int=2)
        connection.execute(f"CREATE TABLE batches_own PARTITION OF batches FOR VALUES IN ('{own}')")
        connection.execute(INSERT_BATCH, [own, 8])
    migrate.downgrade(database_url, "0002")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT offset_ms FROM batches ORDER BY offset_ms").fetchall() == [(7,), (8,)]
    assert "batches_own" not in tables(database_url)


def test_down_takes_what_an_interrupted_making_of_a_partition_left(database_url, monkeypatch):
    migrate.upgrade(database_url)
    engine = create_ledger_engine(database_url, application_name="test")
    try:
        with monkeypatch.context() as dying:
            dying.setattr(partitions, "_attach", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                partitions.ensure(engine, uuid.UUID(int=3), batches=1, threshold=1)
    finally:
        engine.dispose()
    assert partitions.name_of(uuid.UUID(int=3)) in tables(database_url)
    migrate.downgrade(database_url, "0002")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT conname FROM pg_constraint WHERE conname LIKE 'without%'").fetchall() == []
    assert partitions.name_of(uuid.UUID(int=3)) not in tables(database_url)
    migrate.upgrade(database_url)
