"""Postgres away is one error, recovered from by itself; a mistake in a statement stays a mistake. The leader's lock is one at a time."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from sqlalchemy import exc, text

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import engine as ledger_engine
from simulation_core.ledger import migrate, runs
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.ledger.leader import SessionLock
from simulation_sandbox.ports import free_port


def end_other_connections(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_nobody_listening_is_unavailable_and_says_so_without_the_password():
    engine = create_ledger_engine(f"postgresql://someone:s3cret@127.0.0.1:{free_port()}/none", application_name="test")
    with pytest.raises(LedgerUnavailableError, match="Postgres can't be reached") as caught:
        runs.get(engine, uuid.uuid4())
    assert "s3cret" not in str(caught.value)


def test_migrating_without_a_server_is_unavailable_too():
    with pytest.raises(LedgerUnavailableError):
        migrate.upgrade(f"postgresql://someone@127.0.0.1:{free_port()}/none")


def test_a_connection_lost_in_a_transaction_is_unavailable_and_the_next_works(engine, migrated_url):
    def interrupted():
        with transaction(engine) as connection:
            connection.execute(text("SELECT 1"))
            end_other_connections(migrated_url)
            connection.execute(text("SELECT 1"))

    with pytest.raises(LedgerUnavailableError):
        interrupted()
    assert runs.get(engine, uuid.uuid4()) is None


def test_idle_connections_that_died_are_replaced_unnoticed(engine, migrated_url, monkeypatch):
    monkeypatch.setattr(ledger_engine, "IDLE_SECONDS", 0)  # rather than waiting for it
    assert runs.get(engine, uuid.uuid4()) is None
    end_other_connections(migrated_url)
    assert runs.get(engine, uuid.uuid4()) is None


def test_a_connection_that_died_just_now_is_an_outage_and_the_next_one_is_whole(engine, migrated_url):
    assert runs.get(engine, uuid.uuid4()) is None
    end_other_connections(migrated_url)
    with pytest.raises(LedgerUnavailableError):
        runs.get(engine, uuid.uuid4())
    assert runs.get(engine, uuid.uuid4()) is None


def test_a_wrong_statement_is_not_an_outage(engine):
    with pytest.raises(exc.ProgrammingError), transaction(engine) as connection:
        connection.execute(text("SELECT nothing_of_that_name"))


def test_a_deadlock_or_timeout_is_not_an_outage(engine):
    with pytest.raises(exc.OperationalError, match="statement timeout"), transaction(engine) as connection:
        connection.execute(text("SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)"))


def test_a_client_that_stalls_in_a_transaction_loses_its_locks(engine, until):
    def ended(backend):
        with transaction(engine) as connection:
            return not connection.scalar(text("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)"), {"pid": backend})

    def stall():
        with transaction(engine) as connection:
            backend = connection.scalar(text("SELECT pg_backend_pid()"))
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 20"))
            until(lambda: ended(backend))
            connection.execute(text("SELECT 1"))

    with pytest.raises(LedgerUnavailableError):
        stall()
    with transaction(engine) as connection:
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"


def test_one_at_a_time_holds_the_lock(migrated_url):
    first, second, other = SessionLock(migrated_url, "operator"), SessionLock(migrated_url, "operator"), SessionLock(migrated_url, "else")
    try:
        assert first.acquire(1)
        assert first.acquire(1)
        assert first.held()
        assert not second.acquire(0.1)
        assert not second.held()
        assert other.acquire(0.1)
        first.release()
        assert second.acquire(5)
        assert not first.held()
    finally:
        for lock in (first, second, other):
            lock.release()


def test_a_lock_whose_connection_died_is_no_longer_held(migrated_url):
    lock = SessionLock(migrated_url, "operator")
    try:
        assert lock.acquire(1)
        end_other_connections(migrated_url)
        assert not lock.held()
        assert lock.acquire(5)
    finally:
        lock.release()


def test_acquiring_without_a_server_is_unavailable():
    with pytest.raises(LedgerUnavailableError):
        SessionLock(f"postgresql://someone@127.0.0.1:{free_port()}/none", "operator").acquire(0.1)
