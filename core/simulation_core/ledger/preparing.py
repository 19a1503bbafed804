"""Which records a language model should write next: pages of consecutive ones, each an errand, a stated time before they are due."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import CLAIMABLE_RUN, IN_INDEX_ORDER, NOW_MS, ORIGIN_MS, PENDING
from simulation_core.reasons import Reason

RECORDS_A_PAGE = 20  # what one question to a model is about. Stored errands are counted in pages of this size: it can't change
MOST_OPEN = 60  # pages of a run that wait or are under way: a dense run comes back for more, and others get their turn

# Guarantees: each page becomes an errand once, in order, when its first record is due within the lead; those whose records are all due
# already never do. Of a run that wants a model, by index: the first and the last batch within the lead, the last page there is, and the
# pages that are open, at most MOST_OPEN; those that are done, which stay as long as the run, aren't read.
OPEN_PAGES = f"""
WITH live AS MATERIALIZED (
    SELECT s.id, {NOW_MS} - {ORIGIN_MS} AS now_offset_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND s.spec -> 'content' ->> 'source' = 'OpenAI' AND s.portal = ANY(CAST(:portals AS text[]))
), spans AS MATERIALIZED (
    SELECT live.id,
           (SELECT b.first_record FROM batches b
            WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING} AND b.offset_ms > live.now_offset_ms
            ORDER BY b.offset_ms LIMIT 1) / {RECORDS_A_PAGE} AS first_page,
           (SELECT b.first_record + cardinality(b.record_offsets) - 1 FROM batches b
            WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING}
              AND b.offset_ms > live.now_offset_ms AND b.offset_ms <= live.now_offset_ms + :lead_ms
            ORDER BY b.offset_ms DESC LIMIT 1) / {RECORDS_A_PAGE} AS last_page,
           (SELECT max(e.number) FROM errands e WHERE e.simulation_id = live.id AND e.kind = '{Kind.PREPARE}') AS known,
           (SELECT count(*) FROM errands e WHERE e.simulation_id = live.id AND e.kind = '{Kind.PREPARE}' AND e.state <> 2) AS open
    FROM live
)
INSERT INTO errands (simulation_id, kind, number)
SELECT spans.id, '{Kind.PREPARE}', page.number
FROM spans CROSS JOIN LATERAL (
    SELECT number FROM generate_series(greatest(spans.known + 1, spans.first_page), spans.last_page) AS number
    ORDER BY number LIMIT greatest(0, {MOST_OPEN} - spans.open)
) page
ORDER BY spans.id, page.number
ON CONFLICT DO NOTHING
"""

SETBACKS = f"""
SELECT DISTINCT ON (e.simulation_id) e.simulation_id, e.reason FROM errands e
WHERE e.kind = '{Kind.PREPARE}' AND e.state <> 2 AND e.reason IS NOT NULL AND e.simulation_id = ANY(CAST(:ids AS uuid[]))
ORDER BY e.simulation_id, e.number
"""


def open_pages(engine: Engine, *, portals: Collection[str], lead_ms: int) -> int:
    """Makes errands of what falls due within `lead_ms` and should have a model's content; of how many pages."""
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))
        return connection.execute(text(OPEN_PAGES), {"portals": list(portals), "lead_ms": lead_ms}).rowcount


def setbacks(engine: Engine, ids: Collection[UUID]) -> dict[UUID, Reason]:
    """Why content isn't made now, by run."""
    with transaction(engine) as connection:
        return {id_: Reason(reason) for id_, reason in connection.execute(text(SETBACKS), {"ids": list(ids)})}
