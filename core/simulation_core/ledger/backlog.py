"""How much wants a worker now and soon: what the number of workers is decided by."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import (
    CLAIMABLE_RUN,
    CLAIMED,
    NEVER_BEGUN,
    NOW_MS,
    ORIGIN_MS,
    PENDING,
    SKIP_OFFSET_MS,
    UNEXPIRED_CLAIM,
    after_ms,
)
from simulation_core.ledger.values import Backlog

# A batch that waits after a retryable answer wants a worker only once its not_before has come; one that is being skipped wants none.
# An errand counts like a batch: what a finished run still asks for needs a worker as well.
BACKLOG = f"""
WITH live AS MATERIALIZED (
    SELECT s.id, {NOW_MS} - {ORIGIN_MS} AS now_offset_ms, {SKIP_OFFSET_MS} AS skip_offset_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND s.portal = ANY(:portals)
), errands AS (
    SELECT count(*) FILTER (WHERE e.state = {CLAIMED} OR e.not_before <= statement_timestamp()) AS due,
           count(*) FILTER (WHERE e.state = {CLAIMED} AND e.lease_until > statement_timestamp()) AS claimed,
           count(*) FILTER (WHERE e.state = {PENDING} AND e.not_before > statement_timestamp()) AS soon
    FROM errands e JOIN simulations s ON s.id = e.simulation_id
    WHERE e.state <> 2 AND e.not_before <= {after_ms(":lead_ms")} AND s.portal = ANY(:portals)
)
SELECT sum(counted.due)::bigint AS due, sum(counted.claimed)::bigint AS claimed, sum(counted.soon)::bigint AS due_within_lead
FROM (SELECT * FROM errands UNION ALL SELECT counted.* FROM live CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE b.offset_ms <= live.now_offset_ms AND NOT waits) AS due,
           count(*) FILTER (WHERE {UNEXPIRED_CLAIM}) AS claimed,
           count(*) FILTER (WHERE (b.offset_ms > live.now_offset_ms OR waits)
                              AND (b.not_before IS NULL OR b.not_before <= {after_ms(":lead_ms")})) AS soon
    FROM batches b
    CROSS JOIN LATERAL (SELECT b.state = {PENDING} AND coalesce(b.not_before > statement_timestamp(), false) AS waits) w
    WHERE b.simulation_id = live.id AND b.state <> 2 AND b.offset_ms <= live.now_offset_ms + :lead_ms
      AND NOT ({NEVER_BEGUN} AND b.offset_ms <= live.skip_offset_ms)
) counted) counted
"""


def backlog(engine: Engine, *, portals: Sequence[str], lead_ms: int) -> Backlog:
    """Batches over all runs that are on, and errands: due and not DONE (claimed ones included), claimed, and falling due within `lead_ms`.

    Only of runs on one of `portals`: no worker serves another, and more workers wouldn't help.
    """
    with transaction(engine) as connection:
        row = connection.execute(text(BACKLOG), {"lead_ms": lead_ms, "portals": list(portals)}).mappings().one()
    return Backlog(due=row["due"], claimed=row["claimed"], due_within_lead=row["due_within_lead"])
