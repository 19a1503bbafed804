"""Storing a plan: batch rows in transactions of bounded size, resumable from a watermark, then published by one status change."""

from __future__ import annotations

import json
from typing import cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, text

from simulation_core.errors import PlanIncompleteError, RunPurgedError
from simulation_core.ledger import copying
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.missed import judge_what_was_let_go
from simulation_core.ledger.sql import MISSED_RECORDS
from simulation_core.plan import Plan
from simulation_core.plan.feasibility import Demand
from simulation_core.plan.load import Load
from simulation_core.spec import MissedRecords

# Guarantees: of two that store the same stretch, one moves the watermark; the other rolls its rows back.
_MOVE_WATERMARK = text("""
UPDATE simulations SET batches_stored = :stored, updated_at = statement_timestamp()
WHERE id = :id AND batches_stored = :first AND batches_total IS NULL AND coalesce(purging_at, purged_at) IS NULL
""")

# Guarantees: published once, and only whole, with what it asks of its portal. A suspended run keeps its status; its resume finds the plan.
_PUBLISH = text(f"""
UPDATE simulations s SET status = CASE WHEN status = 'PLANNING' THEN 'QUEUED' ELSE status END,
       batches_total = :total, peak_per_minute = :peak, objects = CAST(:objects AS jsonb), planned = CAST(:planned AS integer[]),
       load = CAST(:load AS jsonb), updated_at = statement_timestamp()
WHERE id = :id AND batches_total IS NULL AND batches_stored = :total
RETURNING {MISSED_RECORDS}
""")  # noqa: S608 - a constant


def watermark(engine: Engine, id: UUID) -> int:  # noqa: A002 - the column's name
    """How many batches are stored; storing goes on with the batch of that number."""
    with transaction(engine) as connection:
        return _watermark(connection, id)


def store(engine: Engine, id: UUID, plan: Plan, first_batch: int, limit: int = 100_000) -> int:  # noqa: A002
    """Stores up to `limit` batches from `first_batch` on in one transaction. Returns the new watermark (not how many were stored).

    It is what to pass as the next `first_batch`, also when another process was faster, or stored the beginning before it died; equal to
    the number of batches when all are stored.
    Raises RunPurgedError for a run that retention has let go of.
    """
    stop = min(first_batch + limit, len(plan.batches.offset_ms))
    if first_batch >= stop:
        return watermark(engine, id)
    try:
        with transaction(engine) as connection:
            if _watermark(connection, id) != first_batch:
                raise _OvertakenError
            _copy(connection, id, plan, first_batch, stop)
            # Last, so that the simulation's row is locked for an instant only.
            if connection.execute(_MOVE_WATERMARK, {"id": id, "first": first_batch, "stored": stop}).rowcount != 1:
                raise _OvertakenError
    except (_OvertakenError, psycopg.errors.UniqueViolation):
        _refuse_purged(engine, id)
        return watermark(engine, id)
    return stop


def publish(engine: Engine, id: UUID, plan: Plan, load: Load) -> None:  # noqa: A002
    """PLANNING becomes QUEUED, with the plan's summary and its load.

    Does nothing if it was published; PlanIncompleteError if batches are missing.
    What was due before the run was let go (a startTime in the past) is judged by spec.missedRecords in the same transaction.
    """
    total = len(plan.batches.offset_ms)
    values = {
        "id": id,
        "total": total,
        "peak": plan.peak_per_minute,
        "objects": json.dumps(dict(plan.objects)),
        "planned": [int(count) for count in plan.histogram],
        "load": json.dumps(Demand(load=load).as_json()),
    }
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": id})  # as everywhere, before the simulation's row; nothing is claimed before the judgement
        policy = connection.scalar(_PUBLISH, values)
        if policy is not None:
            if policy != MissedRecords.CATCH_UP:  # else nothing can be missed, and the question costs as much as the publication
                judge_what_was_let_go(connection, id)
            return
        stored, published = _stored_and_published(connection, id)
        if not published:
            raise PlanIncompleteError(f"simulation {id}: {stored} of {total} batches are stored: store the others, then publish")


def _refuse_purged(engine: Engine, id: UUID) -> None:  # noqa: A002
    with transaction(engine) as connection:
        if connection.scalar(text("SELECT coalesce(purging_at, purged_at) IS NOT NULL FROM simulations WHERE id = :id"), {"id": id}):
            raise RunPurgedError(f"simulation {id} ended so long ago that retention removed its plan: it can't be planned again")


class _OvertakenError(Exception):
    """Another process stored this stretch."""


def _watermark(connection: Connection, id: UUID) -> int:  # noqa: A002
    return _stored_and_published(connection, id)[0]


def _stored_and_published(connection: Connection, id: UUID) -> tuple[int, bool]:  # noqa: A002
    row = connection.execute(text("SELECT batches_stored, batches_total IS NOT NULL FROM simulations WHERE id = :id"), {"id": id}).one()
    return row[0], row[1]


def _copy(connection: Connection, id: UUID, plan: Plan, first: int, stop: int) -> None:  # noqa: A002
    driver = cast("psycopg.Connection[tuple[object, ...]]", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(copying.COPY) as copy:
        for piece in copying.as_binary(id, plan, first, stop):
            copy.write(piece)
