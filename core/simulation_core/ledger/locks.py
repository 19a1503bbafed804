"""Changing tables beside everyone who works on them: one process at a time, and never in anyone's way for longer than a timeout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from simulation_core.errors import LedgerBusyError
from simulation_core.ledger.engine import unavailability_named

Driver = psycopg.Connection[tuple[Any, ...]]

# Any fixed number that nothing else in this database locks: "partitio" as bytes.
_LOCK = int.from_bytes(b"partitio") & (2**63 - 1)
# Longer than another's VALIDATE of a large batches_shared takes. Only who changes tables waits here.
_LOCK_PATIENCE_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a lock that others wait behind, each time; and how long to let them go on in between.

    The last waits outlast deadlock_timeout (a second unless configured), after which Postgres makes an autovacuum give way.
    """

    lock_timeouts_ms: tuple[int, ...] = (100, 100, 200, 200, 400, 400, 800, 1_500, 1_500)
    pause_ms: int = 500


PATIENCE = Patience()


def under_lock(driver: Driver, patience: Patience, *statements: sql.Composed) -> None:
    """All of them in one transaction, as often as it takes to get the locks within their timeouts."""
    for timeout_ms in patience.lock_timeouts_ms:
        try:
            with driver.transaction():
                lock_timeout(driver, timeout_ms)
                for statement in statements:
                    driver.execute(statement)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            time.sleep(patience.pause_ms / 1000)
        else:
            return
    tries = len(patience.lock_timeouts_ms)
    raise LedgerBusyError(f"others held a lock on batches each of {tries} times it was wanted: is a transaction left open in the database?")


def lock_timeout(driver: Driver, timeout_ms: int) -> None:
    """For the transaction under way."""
    driver.execute("SELECT set_config('lock_timeout', %s, true)", [str(timeout_ms)])


@contextmanager
def connected(engine: Engine) -> Iterator[Driver]:
    """A connection for statements that SQLAlchemy has no words for."""
    with unavailability_named():
        pooled = engine.raw_connection()
        try:
            yield cast(Driver, pooled.driver_connection)
        finally:
            pooled.close()


@contextmanager
def alone(engine: Engine) -> Iterator[Driver]:
    """A connection under the advisory lock, which outlasts its transactions and dies with it."""
    with connected(engine) as driver:
        _lock(driver)
        try:
            yield driver
        finally:
            with suppress(psycopg.OperationalError), driver.transaction():
                driver.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _lock(driver: Driver) -> None:
    try:
        with driver.transaction():
            lock_timeout(driver, _LOCK_PATIENCE_MS)
            driver.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.errors.LockNotAvailable:
        raise LedgerBusyError("another process has been making or dropping a partition for a minute: this one waits for it") from None
