"""What is wanted of a run: on, suspended, cancelled, deleted.

Each change holds the run alone. Claims and renewals share it until they commit, so a change waits for those under way, and those that come
later see it: once a change returned, no claim of the run commits any more. Locks are held for an instant only.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.missed import judge_what_was_let_go
from simulation_core.ledger.sql import UNEXPIRED_CLAIM

_SET_STATE = text("""
UPDATE simulation_control SET run_state = :wanted, changed_at = statement_timestamp()
WHERE simulation_id = :id AND run_state = ANY(CAST(:allowed AS text[]))
""")

_COUNT_CLAIMS = text(f"SELECT count(*) FROM batches b WHERE b.simulation_id = :id AND {UNEXPIRED_CLAIM}")

# Guarantees: between this statement and the commit no resume, and no claim, of the runs it returns.
_HOLD_STOPPED = text("""
SELECT c.simulation_id FROM simulation_control c JOIN simulations s ON s.id = c.simulation_id
WHERE c.run_state <> 'RUNNING' AND s.status IN ('PLANNING', 'QUEUED', 'RUNNING', 'SUSPENDED')
  AND NOT (c.run_state = 'SUSPENDED' AND s.status = 'SUSPENDED')
  AND (CAST(:only AS uuid) IS NULL OR c.simulation_id = :only)
ORDER BY c.simulation_id FOR SHARE OF c
""")

# Guarantees: SUSPENDED and CANCELLED are reached only without an unexpired claim; what ended otherwise keeps its end.
_REACH_STOPPED = text(f"""
WITH drained AS MATERIALIZED (
    SELECT s.id, CASE c.run_state WHEN 'SUSPENDED' THEN 'SUSPENDED' ELSE 'CANCELLED' END AS reached
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE s.id = ANY(CAST(:ids AS uuid[])) AND s.status IN ('PLANNING', 'QUEUED', 'RUNNING', 'SUSPENDED')
      AND NOT EXISTS (SELECT FROM batches b WHERE b.simulation_id = s.id AND {UNEXPIRED_CLAIM})
    ORDER BY s.id FOR NO KEY UPDATE OF s
)
UPDATE simulations s SET status = d.reached, updated_at = statement_timestamp(),
       finished_at = CASE WHEN d.reached = 'CANCELLED' THEN statement_timestamp() ELSE s.finished_at END
FROM drained d WHERE s.id = d.id AND s.status IN ('PLANNING', 'QUEUED', 'RUNNING', 'SUSPENDED')
RETURNING s.id
""")

# A run that was claimed from before goes on running; one without a published plan goes on planning.
_LEAVE_SUSPENSION = text("""
UPDATE simulations SET updated_at = statement_timestamp(),
       status = CASE WHEN batches_total IS NULL THEN 'PLANNING' WHEN started_at IS NOT NULL THEN 'RUNNING' ELSE 'QUEUED' END
WHERE id = :id AND status = 'SUSPENDED'
""")

_REMEMBER_DELETION = text("""
UPDATE simulations SET deleted_at = statement_timestamp(), updated_at = statement_timestamp() WHERE id = :id AND deleted_at IS NULL
""")


def suspend(engine: Engine, id: UUID) -> int:  # noqa: A002 - the column's name
    """From now on nothing is claimed. Returns how many claims are still being delivered; at 0 the run is SUSPENDED."""
    return _stop(engine, id, "SUSPENDED", allowed=["RUNNING"])


def cancel(engine: Engine, id: UUID) -> int:  # noqa: A002
    """Like suspend, but for good; at 0 the run is CANCELLED, unless it had ended already."""
    return _stop(engine, id, "CANCELLED", allowed=["RUNNING", "SUSPENDED"])


def delete(engine: Engine, id: UUID) -> int:  # noqa: A002
    """The CR is gone: like cancel, from any state, and remembered in deleted_at. What was recorded stays."""
    with transaction(engine) as connection:
        left = _change(connection, id, "DELETED", allowed=["RUNNING", "SUSPENDED", "CANCELLED"])
        connection.execute(_REMEMBER_DELETION, {"id": id})
        return left


def resume(engine: Engine, id: UUID) -> int:  # noqa: A002
    """Claims are possible again; does nothing unless the run is suspended. Returns the claims from before that are still under way.

    What was missed meanwhile is decided in the same transaction: no claim slips in between.
    """
    with transaction(engine) as connection:
        if _set_state(connection, id, "RUNNING", allowed=["SUSPENDED"]):
            connection.execute(_LEAVE_SUSPENSION, {"id": id})
            judge_what_was_let_go(connection, id)
        return _claims_left(connection, id)


def claims_left(engine: Engine, id: UUID) -> int:  # noqa: A002
    """Unexpired claims: what is being delivered now."""
    with transaction(engine) as connection:
        return _claims_left(connection, id)


def settle(engine: Engine) -> list[UUID]:
    """Moves every stopped run that has drained to SUSPENDED or CANCELLED; returns those moved. Expired claims don't count."""
    with transaction(engine) as connection:
        return _settle(connection, only=None)


def _stop(engine: Engine, id: UUID, wanted: str, allowed: list[str]) -> int:  # noqa: A002
    with transaction(engine) as connection:
        return _change(connection, id, wanted, allowed)


def _change(connection: Connection, id: UUID, wanted: str, allowed: list[str]) -> int:  # noqa: A002
    _set_state(connection, id, wanted, allowed)
    left = _claims_left(connection, id)
    if left == 0:
        _settle(connection, only=id)
    return left


def _set_state(connection: Connection, id: UUID, wanted: str, allowed: list[str]) -> bool:  # noqa: A002
    """Whether that is a change."""
    connection.execute(HOLD_RUN, {"id": id})
    return connection.execute(_SET_STATE, {"id": id, "wanted": wanted, "allowed": allowed}).rowcount == 1


def _claims_left(connection: Connection, id: UUID) -> int:  # noqa: A002
    return int(connection.execute(_COUNT_CLAIMS, {"id": id}).scalar_one())


def _settle(connection: Connection, only: UUID | None) -> list[UUID]:
    stopped = list(connection.scalars(_HOLD_STOPPED, {"only": only}))
    return list(connection.scalars(_REACH_STOPPED, {"ids": stopped})) if stopped else []
