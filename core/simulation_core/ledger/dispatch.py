"""What should be in Redis: batches due soon, and those overdue. Everything here may be offered again at any time without harm."""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, Row, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.offers import OfferedRun, Offers
from simulation_core.ledger.sql import CLAIMABLE_RUN, CLAIMED, IN_INDEX_ORDER, NOW_MS, ORIGIN_MS, PENDING, SKIP_OFFSET_MS, after_ms, to_ms
from simulation_core.ledger.values import Offer

LOOKED_AT = 1_000  # of the oldest batches of the runs that skip
FIRST_SHARES, SHARES_GROW = 2, 8  # of what is asked for, all runs together
FEW_AHEAD = 4  # batches of a page that each run may give, however many runs there are
FEW_OVERDUE = 2  # overdue batches that each run may give, however many runs there are

_LIVE = f"""
live AS MATERIALIZED (
    SELECT s.id, s.portal, {ORIGIN_MS} AS origin_ms, {NOW_MS} AS now_ms, {NOW_MS} - {ORIGIN_MS} AS now_offset_ms,
           {SKIP_OFFSET_MS} AS skip_offset_ms, concat_ws(' ', {ORIGIN_MS}, c.changed_at) AS version
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND (CAST(:portals AS text[]) IS NULL OR s.portal = ANY(CAST(:portals AS text[])))
)
"""

# Guarantees: of each run the earliest PENDING batches that lie ahead within the horizon and beyond the run's mark, up to its share, with
# all others of the last one's moment, so that whoever goes on from there misses none. A mark of another version of the run doesn't count.
# Each run that may be claimed from has a row, also without batches. One index range a run (batches_unfinished), from where the mark is.
# All that is read is offered. Those that were left in the middle, and those without a mark, divide the page among them: a dense run
# that was just published gets it nearly whole, beside any number of runs of which only the next second is new.
UPCOMING = f"""
WITH {_LIVE}, beyond AS MATERIALIZED (
    SELECT live.*, greatest(live.now_ms, mark.through_ms) - live.origin_ms AS after_offset_ms,
           coalesce(mark.more AND mark.through_ms < live.now_ms + :horizon_ms, true) AS more
    FROM live
    LEFT JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS text[]), CAST(:throughs AS bigint[]), CAST(:mores AS boolean[]))
        AS mark (id, version, through_ms, more) ON mark.id = live.id AND mark.version = live.version
), asked AS MATERIALIZED (
    SELECT beyond.*, greatest(CAST(:few AS bigint), CAST(:limit AS bigint) / CASE
        WHEN beyond.more THEN count(*) FILTER (WHERE beyond.more) OVER () ELSE count(*) OVER () END) AS share
    FROM beyond
)
SELECT asked.id, asked.portal, asked.version, asked.now_ms, asked.share, c.numbers, c.attempts, c.dues_ms, c.records
FROM asked CROSS JOIN LATERAL (
    SELECT array_agg(ahead.number) AS numbers, array_agg(ahead.attempt + 1) AS attempts,
           array_agg(asked.origin_ms + ahead.offset_ms) AS dues_ms, array_agg(ahead.records) AS records
    FROM (
        SELECT b.number, b.attempt, b.offset_ms, cardinality(b.record_offsets) AS records FROM batches b
        WHERE b.simulation_id = asked.id AND b.state <> 2 AND b.state = {PENDING}
          AND b.offset_ms > asked.after_offset_ms AND b.offset_ms <= asked.now_offset_ms + :horizon_ms
          AND (b.not_before IS NULL OR b.not_before <= statement_timestamp())
        ORDER BY b.offset_ms FETCH FIRST (asked.share) ROWS WITH TIES
    ) ahead
) c
"""

# What waits after a retryable answer has no place in the order of due times: it comes by an index of its own (batches_waiting).
WAITING = f"""
WITH {_LIVE}
SELECT live.id, live.portal, soon.number, soon.attempt, soon.records,
       greatest(live.origin_ms + soon.offset_ms, {to_ms("soon.not_before")}) AS due_ms
FROM live CROSS JOIN LATERAL (
    SELECT b.number, b.attempt, b.offset_ms, b.not_before, cardinality(b.record_offsets) AS records FROM batches b
    WHERE b.simulation_id = live.id AND b.state = {PENDING} AND b.not_before IS NOT NULL
      AND b.not_before > statement_timestamp() AND b.not_before <= {after_ms(":horizon_ms")}
      AND b.offset_ms <= live.now_offset_ms + :horizon_ms
    ORDER BY b.not_before LIMIT :limit
) soon
ORDER BY due_ms, live.id, soon.number LIMIT :limit
"""

# Each run's earliest come first, then each run's second, and so on: a big run never starves a small one. Within a turn those come first
# that were never served, then those whose last time lies furthest back: a queue may have fewer places than there are runs, and by due
# time the same old ones would fill it in each tick. Of what is old enough to be skipped only what was begun is offered. It is looked for
# among the oldest, not behind millions that are being skipped just now: the sweep takes those away in a moment, and then it is among the
# oldest.
# A run gives no more than a share of what is asked for: a thousand runs with a backlog would each have to read all of it, for a few rows
# of each. Where few runs have one the share is too small: see `overdue`.
OVERDUE = f"""
WITH {_LIVE}, share AS MATERIALIZED (
    SELECT least(:limit, greatest({FEW_OVERDUE}, :shares * CAST(:limit AS bigint) / greatest(1, count(*)))) AS size,
           {LOOKED_AT} / greatest(1, count(*)) AS looked_at
    FROM live
)
SELECT live.id, live.portal, late.number, late.attempt, late.records, share.size AS share,
       greatest(live.origin_ms + late.offset_ms, {to_ms("late.free_at")}) AS due_ms,
       row_number() OVER (PARTITION BY live.id ORDER BY late.offset_ms, late.number) AS turn
FROM live CROSS JOIN share CROSS JOIN LATERAL (
    SELECT * FROM (
        (SELECT b.number, b.attempt, b.offset_ms, b.not_before AS free_at, cardinality(b.record_offsets) AS records FROM batches b
         WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING}
           AND b.offset_ms > live.skip_offset_ms AND b.offset_ms <= live.now_offset_ms
           AND (b.not_before IS NULL OR b.not_before <= statement_timestamp())
         ORDER BY b.offset_ms LIMIT share.size)
        UNION ALL
        (SELECT o.number, o.attempt, o.offset_ms, o.not_before, o.records FROM (
             SELECT b.number, b.attempt, b.offset_ms, b.not_before, cardinality(b.record_offsets) AS records FROM batches b
             WHERE b.simulation_id = live.id AND b.state <> 2 AND b.state = {PENDING} AND b.offset_ms <= live.skip_offset_ms
               AND (b.not_before IS NULL OR b.not_before <= statement_timestamp())
             ORDER BY b.offset_ms LIMIT greatest(share.size, share.looked_at)) o
         WHERE o.attempt > 0
         ORDER BY o.offset_ms LIMIT share.size)
        UNION ALL
        (SELECT b.number, b.attempt, b.offset_ms, b.lease_until AS free_at, cardinality(b.record_offsets) AS records FROM batches b
         WHERE b.simulation_id = live.id AND b.state = {CLAIMED} AND b.lease_until <= statement_timestamp()
         ORDER BY b.lease_until LIMIT share.size)
    ) late
    ORDER BY late.offset_ms, late.number LIMIT share.size
) late
LEFT JOIN unnest(CAST(:served AS uuid[])) WITH ORDINALITY AS served (id, place) ON served.id = live.id
ORDER BY turn, served.place NULLS FIRST, due_ms, live.id LIMIT :limit
"""

# The first unfinished batch of each run, by index.
PORTALS_WITH_WORK = f"""
WITH {_LIVE}
SELECT DISTINCT live.portal FROM live CROSS JOIN LATERAL (
    SELECT FROM batches b WHERE b.simulation_id = live.id AND b.state <> 2 ORDER BY b.offset_ms LIMIT 1
) one
"""


@dataclass(frozen=True)
class Mark:
    """How far a run's batches were offered. It holds for this version of the run: one that was resumed or shifted starts anew."""

    version: str
    through_ms: int  # all that is due by then
    more: bool = False  # it was left in the middle


@dataclass(frozen=True, kw_only=True)
class Page:
    """What follows the marks that were given, by due time, and the marks from which to go on."""

    offers: Offers
    marks: Mapping[UUID, Mark]  # of the runs that may be claimed from
    left_at_ms: int | None  # how far from now that run has come of those left in the middle which has come least far

    @property
    def complete(self) -> bool:
        """Nothing else is due within the horizon."""
        return self.left_at_ms is None


def page(
    engine: Engine, marks: Mapping[UUID, Mark], *, horizon_ms: int, limit: int, portals: Collection[str] | None = None, few: int = FEW_AHEAD
) -> Page:
    """The PENDING batches that become claimable next, within `horizon_ms` but not yet: about `limit`, in equal shares, of each run its
    earliest, and all due with the last of them. Never more than twice `limit` and `few` of each run, but for those of one moment.

    Of a run without a mark, or of another version than its mark's: all that lie ahead. None that waits after a retryable answer: those
    are `waiting`'s. `portals`: of their runs only.
    """
    given = {
        "ids": list(marks),
        "versions": [mark.version for mark in marks.values()],
        "throughs": [mark.through_ms for mark in marks.values()],
        "mores": [mark.more for mark in marks.values()],
        "horizon_ms": horizon_ms,
        "limit": limit,
        "few": few,
        "portals": None if portals is None else list(portals),
    }
    rows = _read(engine, UPCOMING, given)
    reached = {row.id: _mark(row, horizon_ms) for row in rows}
    return Page(
        offers=_in_order([row for row in rows if row.numbers]),
        marks={id_: _further(mark, marks.get(id_)) for id_, mark in reached.items()},
        left_at_ms=min((reached[row.id].through_ms - row.now_ms for row in rows if reached[row.id].more), default=None),
    )


def upcoming(engine: Engine, *, horizon_ms: int, limit: int) -> Offers:
    """PENDING batches that become claimable within `horizon_ms` from now, but aren't yet; earliest first, at most `limit`."""
    ahead = page(engine, {}, horizon_ms=horizon_ms, limit=limit, few=limit).offers
    again = waiting(engine, horizon_ms=horizon_ms, limit=limit)
    return Offers.of(sorted([*ahead.counted(), *again.counted()], key=lambda each: each[0].due_ms)[:limit]) if again else ahead[:limit]


def waiting(engine: Engine, *, horizon_ms: int, limit: int, portals: Collection[str] | None = None) -> Offers:
    """Batches to be tried again within `horizon_ms` from now, but not yet; earliest first, at most `limit`."""
    given = {"horizon_ms": horizon_ms, "limit": limit, "portals": None if portals is None else list(portals)}
    return Offers.of(_offer(row) for row in _read(engine, WAITING, given))


def overdue(engine: Engine, portal: str, *, limit: int, served: Sequence[UUID] = ()) -> Offers:
    """Batches of `portal` that a claim would get now, expired leases included: round robin over runs, each run's earliest first.

    `served`: runs that had their turn already, the one whose turn lies furthest back first; within a turn all others come before them.
    A batch that was missed is among them until missedRecords decided about it, which the dispatcher lets happen before it asks.
    """
    given = {"limit": limit, "portals": [portal], "served": list(served)}
    shares = FIRST_SHARES
    rows = _read(engine, OVERDUE, {**given, "shares": shares})
    while len(rows) < limit and any(row.turn >= row.share for row in rows):  # most runs have less than their share, and others more
        shares *= SHARES_GROW
        rows = _read(engine, OVERDUE, {**given, "shares": shares})
    return Offers.of(_offer(row) for row in rows)


def portals_with_work(engine: Engine) -> list[str]:
    """Portals of runs that may be claimed from and have unfinished batches, in alphabetical order."""
    return sorted(row.portal for row in _read(engine, PORTALS_WITH_WORK, {"portals": None}))


def _read(engine: Engine, statement: str, given: Mapping[str, Any]) -> Sequence[Row[Any]]:
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))
        return connection.execute(text(statement), given).all()


def _offer(row: Row[Any]) -> tuple[Offer, int]:
    offer = Offer(simulation_id=row.id, batch=row.number, attempt=row.attempt + 1, portal=row.portal, due_ms=row.due_ms)
    return offer, row.records


def _in_order(rows: Sequence[Row[Any]]) -> Offers:
    """Of all runs, by due time."""
    runs = [OfferedRun(row.id, row.portal) for row in rows]
    lengths = [len(row.numbers) for row in rows]
    columns = [_column(row.numbers for row in rows), _column(row.attempts for row in rows)]
    due_ms = _column(row.dues_ms for row in rows)
    offers = Offers.of_columns(runs, [np.repeat(np.arange(len(runs)), lengths), *columns, due_ms, _column(row.records for row in rows)])
    return offers.chosen(np.argsort(due_ms, kind="stable"))


def _column(parts: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.fromiter(chain.from_iterable(parts), dtype=np.int64)


def _mark(row: Row[Any], horizon_ms: int) -> Mark:
    more = row.numbers is not None and len(row.numbers) >= row.share
    return Mark(row.version, max(row.dues_ms) if more else row.now_ms + horizon_ms, more)


def _further(reached: Mark, before: Mark | None) -> Mark:
    return before if before and before.version == reached.version and before.through_ms > reached.through_ms else reached
