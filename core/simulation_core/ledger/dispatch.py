"""What should be in Redis: batches due soon, and those overdue. Everything here may be offered again at any time without harm."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from sqlalchemy import Engine, RowMapping, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import CLAIMABLE_RUN, CLAIMED, NOW_MS, ORIGIN_MS, PENDING, SKIP_OFFSET_MS, after_ms, to_ms
from simulation_core.ledger.values import Offer

LOOKED_AT = 1_000  # of the oldest batches of a run that skips

_LIVE = f"""
live AS MATERIALIZED (
    SELECT s.id, s.portal, {ORIGIN_MS} AS origin_ms, {NOW_MS} - {ORIGIN_MS} AS now_offset_ms, {SKIP_OFFSET_MS} AS skip_offset_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND (CAST(:portal AS text) IS NULL OR s.portal = :portal)
)
"""

# One index range per run (batches_unfinished) for what falls due, and one (batches_waiting) for what waits after a retryable answer.
UPCOMING = f"""
WITH {_LIVE}
SELECT live.id, live.portal, soon.number, soon.attempt, greatest(live.origin_ms + soon.offset_ms, {to_ms("soon.not_before")}) AS due_ms
FROM live CROSS JOIN LATERAL (
    (SELECT b.number, b.attempt, b.offset_ms, b.not_before FROM batches b
     WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING}
       AND b.offset_ms > live.now_offset_ms AND b.offset_ms <= live.now_offset_ms + :horizon_ms
       AND (b.not_before IS NULL OR b.not_before <= {after_ms(":horizon_ms")})
     ORDER BY b.offset_ms LIMIT :limit)
    UNION ALL
    (SELECT b.number, b.attempt, b.offset_ms, b.not_before FROM batches b
     WHERE b.simulation_id = live.id AND b.state = {PENDING} AND b.not_before IS NOT NULL
       AND b.not_before > statement_timestamp() AND b.not_before <= {after_ms(":horizon_ms")}
       AND b.offset_ms <= live.now_offset_ms
     ORDER BY b.not_before LIMIT :limit)
) soon
ORDER BY due_ms, live.id, soon.number LIMIT :limit
"""

# Each run's earliest come first, then each run's second, and so on: a big run never starves a small one. Of what is old enough to be
# skipped only what was begun is offered. It is looked for among the oldest, not behind millions that are being skipped just now:
# the sweep takes those away in a moment, and then it is among the oldest.
OVERDUE = f"""
WITH {_LIVE}
SELECT live.id, live.portal, late.number, late.attempt,
       greatest(live.origin_ms + late.offset_ms, {to_ms("late.free_at")}) AS due_ms,
       row_number() OVER (PARTITION BY live.id ORDER BY late.offset_ms, late.number) AS turn
FROM live CROSS JOIN LATERAL (
    (SELECT b.number, b.attempt, b.offset_ms, b.not_before AS free_at FROM batches b
     WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING}
       AND b.offset_ms > live.skip_offset_ms AND b.offset_ms <= live.now_offset_ms
       AND (b.not_before IS NULL OR b.not_before <= statement_timestamp())
     ORDER BY b.offset_ms LIMIT :limit)
    UNION ALL
    (SELECT o.number, o.attempt, o.offset_ms, o.not_before FROM (
         SELECT b.number, b.attempt, b.offset_ms, b.not_before FROM batches b
         WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING} AND b.offset_ms <= live.skip_offset_ms
           AND (b.not_before IS NULL OR b.not_before <= statement_timestamp())
         ORDER BY b.offset_ms LIMIT greatest(:limit, {LOOKED_AT})) o
     WHERE o.attempt > 0
     ORDER BY o.offset_ms LIMIT :limit)
    UNION ALL
    (SELECT b.number, b.attempt, b.offset_ms, b.lease_until AS free_at FROM batches b
     WHERE b.simulation_id = live.id AND b.state = {CLAIMED} AND b.lease_until <= statement_timestamp()
     ORDER BY b.lease_until LIMIT :limit)
) late
ORDER BY turn, due_ms, live.id LIMIT :limit
"""


def upcoming(engine: Engine, *, horizon_ms: int, limit: int) -> list[Offer]:
    """PENDING batches that become claimable within `horizon_ms` from now, but aren't yet; earliest first, at most `limit`."""
    with transaction(engine) as connection:
        rows = connection.execute(text(UPCOMING), {"horizon_ms": horizon_ms, "limit": limit, "portal": None})
        return [_offer(row) for row in rows.mappings()]


def overdue(engine: Engine, portal: str, *, limit: int) -> list[Offer]:
    """Batches of `portal` that a claim would get now, expired leases included: round robin over runs, each run's earliest first.

    A batch that was missed is among them until missedRecords decided about it, which the dispatcher lets happen before it asks.
    """
    with transaction(engine) as connection:
        rows = connection.execute(text(OVERDUE), {"limit": limit, "portal": portal})
        return [_offer(row) for row in rows.mappings()]


def portals_with_work(engine: Engine) -> list[str]:
    """Portals of runs that may be claimed from and have unfinished batches, in alphabetical order."""
    with transaction(engine) as connection:
        return list(
            connection.scalars(
                text(f"""
                    SELECT DISTINCT s.portal FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
                    WHERE {CLAIMABLE_RUN} AND EXISTS (SELECT FROM batches b WHERE b.simulation_id = s.id AND b.state <> 2)
                    ORDER BY s.portal
                """)
            )
        )


def _offer(row: RowMapping) -> Offer:
    return Offer(simulation_id=row["id"], batch=row["number"], attempt=row["attempt"] + 1, portal=row["portal"], due_ms=row["due_ms"])
