"""Progress for the CR's status: deltas folded into their runs, and what is shown of a run. Never scans batches."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, text

from simulation_core.clock import to_ms
from simulation_core.kinds import Kind
from simulation_core.ledger import contents, errands
from simulation_core.ledger.dispatch import LOOKED_AT
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.lateness import BUCKETS, percentile
from simulation_core.ledger.rows import to_run
from simulation_core.ledger.sql import ORIGIN_MS, PENDING, SKIP_OFFSET_MS, UNEXPIRED_CLAIM
from simulation_core.ledger.values import ContentCounts, ErrandState, Failure, Progress, Status
from simulation_core.plan.feasibility import Demand

TIMELINE_BUCKETS = 40
WHOLE_RUN = (Kind.VERIFY, Kind.ARCHIVE)  # errands that are shown

# Of what was taken, how many records of each run fell into each bucket: two arrays a run, as short as what is new. Looked up run by run
# in the rows themselves, a thousand runs would read all that was taken a thousand times.
_COUNTED = """
    SELECT simulation_id, array_agg(bucket) AS buckets, array_agg(records) AS records
    FROM (SELECT simulation_id, bucket, count(*) AS records FROM taken, unnest({column}) AS bucket GROUP BY 1, 2) counted GROUP BY 1
"""
_ADDED = """
    ARRAY(SELECT coalesce({old}[i + 1], 0) + coalesce(x.records, 0) FROM generate_series(0, {last}) AS i
          LEFT JOIN unnest({new}.buckets, {new}.records) AS x (bucket, records) ON x.bucket = i ORDER BY i)
"""

# Guarantees: a delta is added exactly once, in the statement that deletes it. Two folds at once take different deltas; the runs they
# share are locked by id, and counted from the newest row after the wait.
FOLD = f"""
WITH taken AS MATERIALIZED (
    DELETE FROM deltas WHERE id IN (SELECT id FROM deltas ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING simulation_id, buckets, lateness
), times AS MATERIALIZED ({_COUNTED.format(column="buckets")}
), lags AS MATERIALIZED ({_COUNTED.format(column="lateness")}
), held AS MATERIALIZED (
    SELECT s.id FROM simulations s WHERE s.id IN (SELECT simulation_id FROM taken) ORDER BY s.id FOR NO KEY UPDATE
)
UPDATE simulations s SET updated_at = statement_timestamp(),
       delivered = {_ADDED.format(old="s.delivered", new="t", last=TIMELINE_BUCKETS - 1)},
       lateness = {_ADDED.format(old="s.lateness", new="l", last=BUCKETS - 1)}
FROM held h LEFT JOIN times t ON t.simulation_id = h.id LEFT JOIN lags l ON l.simulation_id = h.id
WHERE s.id = h.id
RETURNING s.id
"""

# The next due time is the first entry of batches_unfinished that nobody works on; draining reads batches_claimed. What is being skipped is
# never due; what was begun is looked for among the oldest only, as in dispatch.
PROGRESS = f"""
SELECT s.*, c.run_state,
       (SELECT count(*) FROM batches b WHERE b.simulation_id = s.id AND {UNEXPIRED_CLAIM}) AS draining,
       CASE WHEN s.status IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN NULL ELSE
           {ORIGIN_MS} + least(
           (SELECT b.offset_ms FROM batches b
            WHERE b.simulation_id = s.id AND b.state <> 2 AND b.state = {PENDING} AND b.offset_ms > {SKIP_OFFSET_MS}
            ORDER BY b.offset_ms LIMIT 1),
           (SELECT min(o.offset_ms) FROM (
                SELECT b.offset_ms, b.attempt FROM batches b
                WHERE b.simulation_id = s.id AND b.state <> 2 AND b.state = {PENDING} AND b.offset_ms <= {SKIP_OFFSET_MS}
                ORDER BY b.offset_ms LIMIT {LOOKED_AT}) o
            WHERE o.attempt > 0)) END AS next_due_ms
FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
WHERE s.id = ANY(CAST(:ids AS uuid[]))
"""

STATES = """
SELECT id, status, updated_at >= statement_timestamp() - :within * interval '1 millisecond' AS changed
FROM simulations WHERE id = ANY(CAST(:ids AS uuid[]))
"""

FAILURES = """
SELECT ids.id AS simulation_id, e.record, e.reason, e.message, e.correlation_id, e.occurred_at
FROM unnest(CAST(:ids AS uuid[])) AS ids (id)
CROSS JOIN LATERAL (SELECT * FROM record_errors e WHERE e.simulation_id = ids.id AND e.final ORDER BY e.id DESC LIMIT 5) e
ORDER BY e.id DESC
"""


def fold(engine: Engine, limit: int = 10_000) -> set[UUID]:
    """Adds up to `limit` deltas to their runs; returns the runs touched. Empty: nothing was left to fold."""
    with transaction(engine) as connection:
        return set(connection.scalars(text(FOLD), {"limit": limit}))


def progress(engine: Engine, ids: Iterable[UUID]) -> list[Progress]:
    """What each run's status shows, in the order of `ids`; unknown ids are left out."""
    wanted = list(ids)
    if not wanted:
        return []
    with transaction(engine) as connection:
        failures = _failures(connection, wanted)
        counted = contents.counts(connection, wanted)
        states = errands.states(connection, wanted, WHOLE_RUN)
        rows = {row["id"]: row for row in connection.execute(text(PROGRESS), {"ids": wanted}).mappings()}
    return [_progress(rows[one], failures.get(one, []), states.get(one, {}), counted.get(one)) for one in wanted if one in rows]


class State(NamedTuple):
    status: Status
    changed: bool  # lately


def states(engine: Engine, ids: Iterable[UUID], within_ms: int) -> Mapping[UUID, State]:
    """What each of these runs has reached, and whether its row changed in the last so many milliseconds, by Postgres's clock alone."""
    with transaction(engine) as connection:
        rows = connection.execute(text(STATES), {"ids": list(ids), "within": within_ms})
        return {one: State(Status(status), changed) for one, status, changed in rows}


def _failures(connection: Connection, ids: list[UUID]) -> dict[UUID, list[Failure]]:
    found: dict[UUID, list[Failure]] = {}
    for row in connection.execute(text(FAILURES), {"ids": ids}).mappings():
        found.setdefault(row["simulation_id"], []).append(
            Failure(
                record=row["record"],
                reason=row["reason"],
                message=row["message"],
                correlation_id=row["correlation_id"],
                time_ms=to_ms(row["occurred_at"]),
            )
        )
    return found


def _progress(row: RowMapping, failures: list[Failure], states: Mapping[str, ErrandState], content: ContentCounts | None) -> Progress:
    run = to_run(row)
    window_ms = 0 if run.start_ms is None or run.end_ms is None else run.end_ms - run.start_ms
    return Progress(
        run=run,
        draining=row["draining"],
        next_due_ms=row["next_due_ms"],
        peak_per_minute=row["peak_per_minute"],
        demand=Demand.from_json(row["load"]),
        objects=row["objects"],
        bucket_ms=max(1, -(-window_ms // TIMELINE_BUCKETS)),
        planned=row["planned"],
        delivered=row["delivered"],
        lateness_p50_ms=percentile(row["lateness"], 0.50),
        lateness_p99_ms=percentile(row["lateness"], 0.99),
        failures=failures,
        errands=states,
        content=content,
    )
