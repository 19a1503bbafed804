"""Carrying out a decision to skip, in bounded statements. The decision is simulations.skip_until; claims keep to it from that moment on."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from simulation_core.ledger.endings import COUNT_AND_END
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import SHARE_RUNS
from simulation_core.ledger.sql import CLAIMABLE_RUN, DONE, IN_INDEX_ORDER, NEVER_BEGUN, SKIP_OFFSET_MS
from simulation_core.ledger.values import Outcome
from simulation_core.reasons import Reason

_log = logging.getLogger(__name__)

BATCHES_A_STATEMENT = 5_000

# Whose row was touched least recently comes first, and each sweep touches it: large runs and small ones take turns.
TO_SWEEP = f"""
WITH skipping AS MATERIALIZED (
    SELECT s.id, s.updated_at, {SKIP_OFFSET_MS} AS skip_offset_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND s.skip_until IS NOT NULL
)
SELECT r.id FROM skipping r CROSS JOIN LATERAL (
    SELECT FROM batches b WHERE b.simulation_id = r.id AND b.state <> 2 AND {NEVER_BEGUN} AND b.offset_ms <= r.skip_offset_ms
    ORDER BY b.offset_ms LIMIT 1
) one
ORDER BY r.updated_at, r.id
"""

# Guarantees:
# - only what was never begun is skipped, of a run that is on; it shares the run, so that a suspension or an end is not overtaken
# - counters and status move in the statement that skips; it ends the run by the same words as a finish
# - it waits for no batch: whoever holds one was first, and the next sweep finds what is left. So sweeps and claims can't deadlock
SWEEP = f"""
WITH run AS MATERIALIZED (
    SELECT s.id, {SKIP_OFFSET_MS} AS skip_offset_ms FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE s.id = :id AND {CLAIMABLE_RUN}
), chosen AS MATERIALIZED (
    SELECT b.number FROM batches b
    WHERE b.simulation_id = :id AND b.state <> 2 AND {NEVER_BEGUN} AND b.offset_ms <= (SELECT skip_offset_ms FROM run)
    ORDER BY b.offset_ms LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
    UPDATE batches b SET state = {DONE},
           outcomes = array_fill(CAST({Outcome.SKIPPED.value} AS smallint), ARRAY[cardinality(b.record_offsets)])
    FROM chosen WHERE b.simulation_id = :id AND b.number = chosen.number
    RETURNING b.simulation_id, cardinality(b.record_offsets) AS records
), m AS MATERIALIZED (
    SELECT simulation_id, 0 AS delivered, 0 AS failed, sum(records)::integer AS skipped FROM moved GROUP BY simulation_id
), held AS MATERIALIZED (
    SELECT s.id FROM simulations s WHERE s.id IN (SELECT simulation_id FROM m) FOR NO KEY UPDATE
), judged AS (
    UPDATE simulations s SET {COUNT_AND_END}
    FROM m JOIN held h ON h.id = m.simulation_id JOIN simulation_control c ON c.simulation_id = m.simulation_id
    WHERE s.id = m.simulation_id
)
SELECT count(*) AS batches, coalesce(sum(records), 0)::integer AS records FROM moved
"""


@dataclass(frozen=True)
class Swept:
    batches: int
    records: int


def runs_to_sweep(engine: Engine) -> list[UUID]:
    """Runs that are on and have batches left to skip, in the order in which their turn comes."""
    with transaction(engine) as connection:
        return list(connection.scalars(text(TO_SWEEP)))


def sweep(engine: Engine, id: UUID, *, limit: int = BATCHES_A_STATEMENT) -> Swept:  # noqa: A002 - the column's name
    """Skips up to `limit` batches of the run in one short transaction. Fewer than `limit`: nothing is left, but for what others hold.

    A run of which that fails is logged and doesn't hold up others.
    """
    try:
        with transaction(engine) as connection:
            connection.execute(text(SHARE_RUNS), {"simulations": [id]})
            connection.execute(text(IN_INDEX_ORDER))
            row = connection.execute(text(SWEEP), {"id": id, "limit": limit, "exceeded": Reason.FAILURE_POLICY_EXCEEDED.value}).one()
    except SQLAlchemyError:
        _log.exception("skipping what simulation %s missed failed", id)
        return Swept(batches=0, records=0)
    return Swept(batches=row.batches, records=row.records)
