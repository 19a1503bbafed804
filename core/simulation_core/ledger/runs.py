"""Reading runs, and setting one aside as failed."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.rows import runs_by_id
from simulation_core.ledger.values import Run
from simulation_core.reasons import Reason


def get(engine: Engine, id: UUID) -> Run | None:  # noqa: A002 - the column's name
    with transaction(engine) as connection:
        return runs_by_id(connection, [id]).get(id)


class Place(NamedTuple):
    """A run and the Simulation it belongs to."""

    id: UUID
    namespace: str
    name: str


def not_deleted(engine: Engine) -> list[Place]:
    """Every run whose Simulation is not yet known to be gone, ended ones included. Oldest first."""
    with transaction(engine) as connection:
        rows = connection.execute(text("SELECT id, namespace, name FROM simulations WHERE deleted_at IS NULL ORDER BY created_at, id"))
        return [Place(*row) for row in rows]


def archiving(engine: Engine) -> list[Place]:
    """Runs of which a worker is asked to archive what they created."""
    question = f"""
        SELECT s.id, s.namespace, s.name FROM simulations s
        WHERE EXISTS (SELECT FROM errands e WHERE e.simulation_id = s.id AND e.kind = '{Kind.ARCHIVE}' AND e.state <> 2)
        ORDER BY s.created_at, s.id
    """  # noqa: S608 - a constant
    with transaction(engine) as connection:
        return [Place(*row) for row in connection.execute(text(question))]


def ended_lately(engine: Engine, within_seconds: int | None) -> dict[UUID, int]:
    """Runs that have ended and whose rows changed in the last so many seconds, or ever: how many of their records have an outcome."""
    question = """
        SELECT id, records_processed + records_failed + records_skipped AS settled FROM simulations
        WHERE status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND deleted_at IS NULL
        AND (CAST(:within AS integer) IS NULL OR updated_at >= statement_timestamp() - CAST(:within AS integer) * interval '1 second')
    """
    with transaction(engine) as connection:
        return {row.id: row.settled for row in connection.execute(text(question), {"within": within_seconds})}


def mark_failed(engine: Engine, id: UUID, reason: Reason, message: str) -> None:  # noqa: A002 - the column's name
    """Ends a run that can't go on. What is terminal stays as it is; no claim of the run commits after this returned."""
    with transaction(engine) as connection:
        # Waits for claims under way; later ones read the status after it.
        connection.execute(HOLD_RUN, {"id": id})
        connection.execute(
            text("""
                UPDATE simulations SET status = 'FAILED', reason = :reason, message = :message,
                       finished_at = statement_timestamp(), updated_at = statement_timestamp()
                WHERE id = :id AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
            """),
            {"id": id, "reason": reason.value, "message": message[:1000]},
        )
