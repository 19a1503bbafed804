"""Failed records once more: FAILED becomes PENDING again, the counters follow, and a run that had ended goes on.

A batch that is being delivered loses its fence if it holds failed records, and is delivered anew: its holder doesn't deliver those, but
would count what is open as delivered. What it wrote is found again by its keys.

Claims go on meanwhile. All of a plan is looked through for failures before anything is locked; only the batches found are locked and judged
again. What fails while they are looked for may or may not be among them: what isn't is the next retry's.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import SHARE_RUNS
from simulation_core.ledger.sql import CLAIMED, PENDING

BATCHES_A_TRANSACTION = 1_000

# A statement of its own, so that a change that was waited for is seen. What a purge has begun to remove nobody could deliver.
_MAY_GO_ON = text("""
SELECT c.run_state IN ('RUNNING', 'SUSPENDED') AND coalesce(s.purging_at, s.purged_at) IS NULL
FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id WHERE s.id = :id
""")

_FIND = text("""
SELECT number FROM batches
WHERE simulation_id = :id AND number > :after AND outcomes @> '{2}'::smallint[]
  AND EXISTS (SELECT FROM simulations WHERE id = :id AND records_failed > 0)
ORDER BY number LIMIT :limit
""")

# In the one order; a statement of its own, so that what was finished while it waited is seen by the next one.
_LOCK = text("""
SELECT number FROM batches WHERE simulation_id = :id AND number = ANY(CAST(:numbers AS integer[])) AND outcomes @> '{2}'::smallint[]
ORDER BY number FOR NO KEY UPDATE
""")

# Guarantees: the counter is lowered by exactly the outcomes that leave FAILED here; a run goes on in the statement that gives it open
# records. One that was suspended meanwhile is SUSPENDED again with the next settle(). The run's row, which every finish needs, comes last.
_RESET = text(f"""
WITH failed AS MATERIALIZED (
    SELECT b.number, array_agg(CASE WHEN z.outcome = 2 THEN 0 ELSE z.outcome END ORDER BY z.position)::smallint[] AS outcomes,
           array_agg(CASE WHEN z.outcome = 2 THEN 0 ELSE coalesce(z.tries, 0) END ORDER BY z.position)::smallint[] AS tries,
           array_agg(b.first_record + z.position - 1) FILTER (WHERE z.outcome = 2) AS records
    FROM batches b CROSS JOIN LATERAL unnest(b.outcomes, b.tries) WITH ORDINALITY AS z (outcome, tries, position)
    WHERE b.simulation_id = :id AND b.number = ANY(CAST(:numbers AS integer[])) AND z.outcome IS NOT NULL
    GROUP BY b.number
), opened AS (
    UPDATE batches b SET outcomes = f.outcomes, tries = f.tries, crashes = 0, lease_until = NULL, state = {PENDING},
           attempt = b.attempt + CASE WHEN b.state = {CLAIMED} THEN 1 ELSE 0 END,
           not_before = CASE b.state WHEN {CLAIMED} THEN b.lease_until WHEN {PENDING} THEN b.not_before END
    FROM failed f WHERE b.simulation_id = :id AND b.number = f.number
    RETURNING cardinality(f.records) AS records
), forgiven AS (
    UPDATE record_errors e SET final = false FROM (SELECT unnest(records) AS record FROM failed) f
    WHERE e.simulation_id = :id AND e.final AND e.record = f.record
    RETURNING 0 AS records
), m AS MATERIALIZED (
    SELECT coalesce(sum(records), 0)::integer AS records FROM (SELECT records FROM opened UNION ALL SELECT records FROM forgiven) done
)
UPDATE simulations s SET records_failed = s.records_failed - m.records, status = 'RUNNING', reason = NULL, message = NULL,
       finished_at = NULL, updated_at = statement_timestamp()
FROM m WHERE s.id = :id AND m.records > 0
RETURNING m.records
""")

_REMEMBER = text(
    "UPDATE simulations SET retry_token = :token, retried_records = :records, updated_at = statement_timestamp() WHERE id = :id"
)


def retry_failed(engine: Engine, id: UUID, token: str, *, limit: int = BATCHES_A_TRANSACTION) -> int:  # noqa: A002 - the column's name
    """How many records are tried again. What was cancelled or deleted stays as it is, as does what retention has begun to remove; the
    token counts as carried out all the same.

    In transactions of `limit` batches; interrupted, it is to be asked again, because the token is remembered by the last one.
    """
    after, records = -1, 0
    while True:
        found = _find(engine, id, after, limit)
        with transaction(engine) as connection:
            numbers = _lock(connection, id, found)
            records += connection.scalar(_RESET, {"id": id, "numbers": numbers}) or 0 if numbers else 0
            if len(found) < limit:
                connection.execute(_REMEMBER, {"id": id, "token": token, "records": records})
                return records
        after = found[-1]


def _find(engine: Engine, id: UUID, after: int, limit: int) -> list[int]:  # noqa: A002
    with transaction(engine) as connection:
        return list(connection.scalars(_FIND, {"id": id, "after": after, "limit": limit}))


def _lock(connection: Connection, id: UUID, found: list[int]) -> list[int]:  # noqa: A002
    """Those that still hold failed records."""
    connection.execute(text(SHARE_RUNS), {"simulations": [id]})
    if not found or not connection.scalar(_MAY_GO_ON, {"id": id}):
        return []
    return list(connection.scalars(_LOCK, {"id": id, "numbers": found}))
