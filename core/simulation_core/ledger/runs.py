"""Reading runs, and setting one aside as failed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.rows import SELECT_RUNS, runs_by_id, to_run
from simulation_core.ledger.values import Run
from simulation_core.reasons import Reason


def get(engine: Engine, id: UUID) -> Run | None:  # noqa: A002 - the column's name
    with transaction(engine) as connection:
        return runs_by_id(connection, [id]).get(id)


def unfinished(engine: Engine) -> list[Run]:
    """Every run that may still need something: not terminal, or its CR not yet known to be gone. Oldest first."""
    with transaction(engine) as connection:
        rows = connection.execute(
            text(f"""
                {SELECT_RUNS}
                WHERE s.deleted_at IS NULL OR s.status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
                ORDER BY s.created_at, s.id
            """)
        )
        return [to_run(row) for row in rows.mappings()]


def archiving(engine: Engine) -> list[Run]:
    """Runs of which a worker is asked to archive what they created."""
    open_errand = "SELECT FROM errands e WHERE e.simulation_id = s.id AND e.kind = 'archive' AND e.state <> 2"
    with transaction(engine) as connection:
        rows = connection.execute(text(f"{SELECT_RUNS} WHERE EXISTS ({open_errand}) ORDER BY s.created_at, s.id"))
        return [to_run(row) for row in rows.mappings()]


def mark_failed(engine: Engine, id: UUID, reason: Reason, message: str) -> None:  # noqa: A002 - the column's name
    """Ends a run that can't go on. What is terminal stays as it is; no claim of the run commits after this returned."""
    with transaction(engine) as connection:
        # Waits for claims under way; later ones read the status after it.
        connection.execute(text("SELECT FROM simulation_control WHERE simulation_id = :id FOR UPDATE"), {"id": id})
        connection.execute(
            text("""
                UPDATE simulations SET status = 'FAILED', reason = :reason, message = :message,
                       finished_at = statement_timestamp(), updated_at = statement_timestamp()
                WHERE id = :id AND status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
            """),
            {"id": id, "reason": reason.value, "message": message[:1000]},
        )
