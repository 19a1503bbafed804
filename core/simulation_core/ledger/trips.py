"""A transaction in as few round trips as it needs, for what is asked thousands of times a second.

The driver sends statements and the commit together, and Postgres carries them out one after the other: each still has a snapshot of its
own, and what they lock is held for no round trip. Waiting for each answer took longer than the statements of a small group.

Postgres carries out what it was sent also for a client that died meanwhile. So what may wait for long, as for a run that another holds,
is a trip of its own: else a claim that waited would be committed for nobody, and keep its batch from others until the lease ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import SQLAlchemyError

from simulation_core.ledger.engine import unavailability_named

FAILURES = (SQLAlchemyError, psycopg.Error)
"""What a transaction raises that Postgres refused; LedgerUnavailableError is none of them."""


Asked = tuple[str, Mapping[str, object]]
"""A prepared statement and its parameters."""


class Answer(NamedTuple):
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def prepared(statement: str) -> str:
    """For the driver: with its own kind of parameters."""
    return str(text(statement).compile(dialect=PGDialect_psycopg()))  # type: ignore[no-untyped-call]


def in_trips(engine: Engine, *trips: Sequence[Asked]) -> list[Answer]:
    """Commits prepared statements, in this order, in one transaction; what each returned. Raises LedgerUnavailableError."""
    with unavailability_named():
        pooled = engine.raw_connection()
        driver = cast(psycopg.Connection[tuple[Any, ...]], pooled.driver_connection)
        try:
            cursors: list[psycopg.Cursor[tuple[Any, ...]]] = []
            with driver.pipeline() as pipeline:
                for asked in trips:
                    if cursors:
                        pipeline.sync()
                    cursors += [driver.execute(statement.encode(), parameters) for statement, parameters in asked]
                driver.commit()
            return [_answer(cursor) for cursor in cursors]
        finally:
            if driver.closed:
                pooled.invalidate()
            pooled.close()


def _answer(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Answer:
    result = cursor.pgresult
    if result is None or not result.nfields:  # a statement that returns nothing
        return Answer((), ())
    # Not cursor.description: it looks up a type for each column, and takes a quarter of a small question's time.
    return Answer([cast(bytes, result.fname(number)).decode() for number in range(result.nfields)], cursor.fetchall())
