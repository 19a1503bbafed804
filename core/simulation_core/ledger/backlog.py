"""How much wants a worker now and soon: what the number of workers is decided by."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, Engine, text

from simulation_core.kinds import Kind
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
NOTHING = Backlog(due=0, claimed=0, due_within_lead=0)

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
         SELECT FROM simulations s WHERE s.id = e.simulation_id AND s.portal = ANY(
             CASE WHEN e.kind = '{Kind.PREPARE}' THEN CAST(:content_for AS text[]) ELSE CAST(:portals AS text[]) END)
         LIMIT 1
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

# Portals at which nothing can be done now. A run's own problem has a row as well, by a name that no portal has: see portals.run_on.
HELD = "SELECT portal FROM portal_problems WHERE until > statement_timestamp() AND portal = ANY(CAST(:portals AS text[]))"


def backlog(engine: Engine, *, portals: Collection[str], lead_ms: int, most: int = MANY) -> Backlog:
    """Batches over all runs that are on, and errands: due and not DONE (claimed ones included), claimed, and falling due within `lead_ms`.

    Only of runs on one of `portals`: no worker serves another, and more workers wouldn't help. It is counted up to `most` batches and as
    many errands, which is enough for whoever wants to know no more than whether there are as many. All that portals have that can't be
    served now, such as for their daily limit, counts as one batch: a worker shall look whether they are served again. Content is made all
    the same.
    """
    with transaction(engine) as connection:
        held = set(connection.scalars(text(HELD), {"portals": list(portals)}))
        connection.execute(text(IN_INDEX_ORDER))
        served = _counted(connection, set(portals) - held, content_for=portals, lead_ms=lead_ms, most=most)
        behind_problems = _counted(connection, held, content_for=(), lead_ms=lead_ms, most=1) if held else NOTHING
    if behind_problems.due:
        return replace(served, due=served.due + 1)
    return replace(served, due_within_lead=served.due_within_lead + min(1, behind_problems.due_within_lead))


def _counted(connection: Connection, portals: Collection[str], *, content_for: Collection[str], lead_ms: int, most: int) -> Backlog:
    given = {"portals": list(portals), "content_for": list(content_for), "lead_ms": lead_ms, "most": most}
    return Backlog(**connection.execute(text(BACKLOG), given).mappings().one())
