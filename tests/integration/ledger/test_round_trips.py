"""A transaction in few round trips fails as a whole, says why, and leaves its connection usable."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.ledger.trips import in_trips, prepared

STORE = prepared("INSERT INTO portal_accounts VALUES (:portal, 1, 'SANDBOX', now())")
ASK = prepared("SELECT portal, account_id FROM portal_accounts ORDER BY portal")
STORE_A = (STORE, {"portal": "a"})
BEFORE = AFTER = (ASK, {})


@pytest.fixture
def alone(migrated_url):
    """An engine with one connection."""
    made = create_ledger_engine(migrated_url, application_name="test", pool_size=1)
    yield made
    made.dispose()


def portals(engine):
    with transaction(engine) as connection:
        return list(connection.scalars(text("SELECT portal FROM portal_accounts ORDER BY portal")))


@pytest.mark.parametrize("trips", [[[BEFORE, STORE_A, AFTER]], [[BEFORE], [STORE_A, AFTER]]], ids=["together", "apart"])
def test_what_was_asked_is_committed_and_answered_in_order(alone, engine, trips):
    before, _, after = in_trips(alone, *trips)
    assert (before.rows, after.rows) == ([], [("a", 1)])
    assert after.columns == ["portal", "account_id"]
    assert portals(engine) == ["a"]


def test_what_postgres_refuses_undoes_the_rest_and_is_the_error(alone, engine):
    for _ in range(10):  # also once the driver keeps the statements prepared
        with pytest.raises(psycopg.errors.UniqueViolation):
            in_trips(alone, [STORE_A], [STORE_A, AFTER])
    assert portals(engine) == []
    in_trips(alone, [(STORE, {"portal": "b"})])
    assert portals(engine) == ["b"]


def test_a_connection_that_is_cut_is_an_outage_and_replaced(alone, engine):
    with pytest.raises(LedgerUnavailableError):
        in_trips(alone, [STORE_A, (prepared("SELECT pg_terminate_backend(pg_backend_pid())"), {})])
    assert portals(engine) == []
    in_trips(alone, [(STORE, {"portal": "b"})])
    assert portals(engine) == ["b"]
