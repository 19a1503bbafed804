"""How much wants a worker now and soon: what the number of workers is decided by."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, text

from simulation_core.ledger.dispatch import LOOKED_AT
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import (
    CLAIMABLE_RUN,
    CLAIMED,
    IN_INDEX_ORDER,
    NEVER_BEGUN,
    NOW_MS,
    ORIGIN_MS,
    SKIP_OFFSET_MS,
    UNEXPIRED_CLAIM,
    after_ms,
)
from simulation_core.ledger.values import Backlog

MANY = 10_000  # more than any number of workers is decided by

_WANTING = f"""
SELECT b.offset_ms, b.offset_ms <= live.now_offset_ms AND (b.not_before IS NULL OR b.not_before <= statement_timestamp()) AS is_due,
       {UNEXPIRED_CLAIM} AS is_claimed, {NEVER_BEGUN} AS is_new
FROM batches b
WHERE b.simulation_id = live.id AND b.state <> 2 AND (b.not_before IS NULL OR b.not_before <= {after_ms(":lead_ms")})
"""

# A batch that waits after a retryable answer wants a worker only once its not_before has come; one that is being skipped wants none. What
# was begun of those is looked for among the oldest, as where they are offered: the sweep brings it there.
# An errand counts like a batch: what a finished run still asks for needs a worker as well.
# Guarantees: of batches and of errands :most are counted at most, and little more is read, however much is overdue.
BACKLOG = f"""
WITH live AS MATERIALIZED (
    SELECT s.id, {NOW_MS} - {ORIGIN_MS} AS now_offset_ms, {SKIP_OFFSET_MS} AS skip_offset_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND s.portal = ANY(CAST(:portals AS text[]))
), found AS (
    (SELECT e.state = {CLAIMED} OR e.not_before <= statement_timestamp() AS is_due,
            e.state = {CLAIMED} AND e.lease_until > statement_timestamp() AS is_claimed
     FROM errands e CROSS JOIN LATERAL (
         SELECT FROM simulations s WHERE s.id = e.simulation_id AND s.portal = ANY(CAST(:portals AS text[])) LIMIT 1
     ) s
     WHERE e.state <> 2 AND e.not_before <= {after_ms(":lead_ms")}
     LIMIT :most)
    UNION ALL
    (SELECT wanting.is_due, wanting.is_claimed FROM live CROSS JOIN LATERAL (
         (SELECT * FROM ({_WANTING} AND b.offset_ms <= live.skip_offset_ms ORDER BY b.offset_ms LIMIT {LOOKED_AT}) oldest
          WHERE NOT oldest.is_new LIMIT :most)
         UNION ALL
         ({_WANTING} AND b.offset_ms > live.skip_offset_ms AND b.offset_ms <= live.now_offset_ms + :lead_ms
          ORDER BY b.offset_ms LIMIT :most)
     ) wanting
     LIMIT :most)
)
SELECT count(*) FILTER (WHERE is_due) AS due, count(*) FILTER (WHERE is_claimed) AS claimed,
       count(*) FILTER (WHERE NOT is_due) AS due_within_lead
FROM found
"""


def backlog(engine: Engine, *, portals: Sequence[str], lead_ms: int, most: int = MANY) -> Backlog:
    """Batches over all runs that are on, and errands: due and not DONE (claimed ones included), claimed, and falling due within `lead_ms`.

    Only of runs on one of `portals`: no worker serves another, and more workers wouldn't help. It is counted up to `most` batches and as
    many errands, which is enough for whoever wants to know no more than whether there are as many.
    """
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))
        given = {"lead_ms": lead_ms, "portals": list(portals), "most": most}
        row = connection.execute(text(BACKLOG), given).mappings().one()
    return Backlog(due=row["due"], claimed=row["claimed"], due_within_lead=row["due_within_lead"])
