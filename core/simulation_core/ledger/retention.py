"""What is kept of a run that ended long ago: its row with the counts. Batches, errors, contents and leftover deltas go.

A run with a partition of its own leaves by DROP TABLE. From the tables that all runs share the rows go in transactions of bounded size,
each of which finds the next rows by an index and locks none that a living run needs, so that running simulations count on meanwhile;
autovacuum makes the room free again. `purging_at` is set first, and from then on the run can't be reopened, for a half of it would be
missing; `purged_at` is set last. What was interrupted in between is found again and gone on with.
"""

# ruff: noqa: S608 - only constants of this package are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import partitions
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.locks import PATIENCE, Patience
from simulation_core.ledger.sql import UNEXPIRED_CLAIM

ROWS_A_TRANSACTION = 10_000

# Guarantees: no run that may still go on, and none that is being verified or archived by what is recorded. A reopened run has no
# finished_at; a deleted one can't be reopened, nor can one whose purge has begun, which ends whatever the retention is by then.
_OVER = f"""
s.purged_at IS NULL AND (CAST(:only AS uuid) IS NULL OR s.id = :only)
AND (s.purging_at IS NOT NULL
     OR CASE WHEN s.status IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN s.finished_at WHEN c.run_state = 'DELETED' THEN s.deleted_at END
        < statement_timestamp() - CAST(:retention_seconds AS bigint) * interval '1 second')
AND NOT EXISTS (SELECT FROM batches b WHERE b.simulation_id = s.id AND {UNEXPIRED_CLAIM})
AND NOT EXISTS (SELECT FROM errands e WHERE e.simulation_id = s.id AND e.state <> 2)
"""
_DUE = text(f"""
SELECT s.id FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
WHERE {_OVER} ORDER BY coalesce(s.finished_at, s.deleted_at), s.id
""")
_BEGIN = text(f"""
UPDATE simulations s SET purging_at = coalesce(s.purging_at, statement_timestamp())
FROM simulation_control c WHERE c.simulation_id = s.id AND {_OVER}
""")
_MARK_PURGED = text(f"""
UPDATE simulations s SET purged_at = statement_timestamp(), updated_at = statement_timestamp()
FROM simulation_control c WHERE c.simulation_id = s.id AND {_OVER}
""")

# Guarantees: at most :limit rows a transaction, found from the last one deleted on, not from the beginning past all those already dead, and
# deleted where they were found: a join of the two would let Postgres read the whole table.
_DELETE = """
WITH next AS MATERIALIZED (
    SELECT ctid AS place, {key} AS key FROM {table} WHERE simulation_id = :id AND {key} > :after {condition} ORDER BY {key} LIMIT :limit
), gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT place FROM next))
)
SELECT max(key) FROM next
"""


def _delete(table: str, key: str, condition: str = "") -> str:
    return _DELETE.format(table=table, key=key, condition=condition)


# By table: each statement's condition is that of the index which finds its rows.
_DELETES: Mapping[str, str] = {
    "batches": _delete("batches_shared", "number"),
    "contents": _delete("contents", "record"),
    "pages of contents": _delete("errands", "number", f"AND kind = '{Kind.PREPARE}'"),  # as many as a twentieth of the records
    "final errors": _delete("record_errors", "id", "AND final"),
    "other errors": _delete("record_errors", "id", "AND NOT final"),
    "deltas": _delete("deltas", "id"),  # no index: there are few, each is folded within seconds
}


def due(engine: Engine, *, retention_seconds: int) -> list[UUID]:
    """Runs that ended, or whose deletion ended them, longer ago than this and that nobody delivers any more; the oldest first.

    And those whose purge was interrupted.
    """
    with transaction(engine) as connection:
        return list(connection.scalars(_DUE, {"only": None, "retention_seconds": retention_seconds}))


def purge(
    engine: Engine,
    id: UUID,  # noqa: A002 - the column's name
    *,
    retention_seconds: int,
    limit: int = ROWS_A_TRANSACTION,
    patience: Patience = PATIENCE,
    go_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Removes what was recorded about single records of this run, `limit` rows a transaction. Whether it is purged now.

    Does nothing to a run that isn't due. Ends between two transactions when `go_on` says so, and raises LedgerBusyError where the run's
    partition can't be dropped now: doing it again goes on.
    """
    if not _begin(engine, id, retention_seconds):
        return False
    partitions.drop(engine, id, patience=patience)
    if not all(_delete_all(engine, statement, id, limit=limit, go_on=go_on) for statement in _DELETES.values()):
        return False
    with transaction(engine) as connection:
        return connection.execute(_MARK_PURGED, {"only": id, "retention_seconds": retention_seconds}).rowcount == 1


def _begin(engine: Engine, id: UUID, retention_seconds: int) -> bool:  # noqa: A002
    """Whether it is due, and can't be reopened from now on."""
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": id})  # by a statement of its own, so that the next one sees a retry that was waited for
        return connection.execute(_BEGIN, {"only": id, "retention_seconds": retention_seconds}).rowcount == 1


def _delete_all(engine: Engine, statement: str, id: UUID, *, limit: int, go_on: Callable[[], bool]) -> bool:  # noqa: A002
    """Whether nothing is left. A pass that found something is followed by another: a late finish may have moved a row under its hands."""
    after, found = -1, False
    while go_on():
        last = _delete_some(engine, statement, id, after=after, limit=limit)
        if last is not None:
            after, found = last, True
        elif found:
            after, found = -1, False
        else:
            return True
    return False


def _delete_some(engine: Engine, statement: str, id: UUID, *, after: int, limit: int) -> int | None:  # noqa: A002
    """The last key that was deleted; None: there were none left."""
    with transaction(engine) as connection:
        last: int | None = connection.scalar(text(statement), {"id": id, "after": after, "limit": limit})
        return last
