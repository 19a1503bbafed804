"""Statistics of a plan that was just stored. Until autovacuum comes by, Postgres takes it for small and reads all of it each time."""

from __future__ import annotations

import logging
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from simulation_core.ledger.locks import connected, lock_timeout
from simulation_core.ledger.partitions import is_attached, name_of

_log = logging.getLogger(__name__)

WORTH_BATCHES = 10_000
"""Smaller plans are read in no time either way."""

_LONGEST_WAIT_MS = 1_000
_GATHER = sql.SQL("ANALYZE {table} (simulation_id, number, offset_ms, state, attempt, not_before, lease_until)")


def gather(engine: Engine, id: UUID, *, batches: int, worth_batches: int = WORTH_BATCHES) -> None:  # noqa: A002 - the column's name
    """Before publication, beside everyone's work. Where another gathers or vacuums just now, that is as good.

    A database user who may not: a warning in Postgres's log, and no statistics.
    """
    if batches < worth_batches:
        return
    with connected(engine) as driver:
        table = name_of(id) if is_attached(driver, id) else "batches_shared"
        try:
            with driver.transaction():
                lock_timeout(driver, _LONGEST_WAIT_MS)
                driver.execute(_GATHER.format(table=sql.Identifier(table)))
        except psycopg.errors.LockNotAvailable:
            _log.info("statistics of %s are being gathered by another", table)
