"""Judging spec.missedRecords: when a run is let go, and while it goes on. The decision itself is plan.missed's.

Every judgement holds the run alone. Claims share it, so there is none under way that saw neither the old state nor the
new one: a batch was begun before, and is finished, or is judged, and no claim gets it any more.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from simulation_core.clock import from_ms
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.sql import CLAIMABLE_RUN, MISSED_RECORDS, NEVER_BEGUN, NOW_MS, ORIGIN_MS, SKIP_OFFSET_MS, to_ms_down
from simulation_core.plan.missed import MISSED_AFTER_MS, Missed, ShiftBy, SkipUntil, decide
from simulation_core.spec import MissedRecords

_log = logging.getLogger(__name__)

RUNS_A_CALL = 200  # a few milliseconds each; after an outage of everything the other runs' turn comes a second later

_LIVE = f"""
live AS MATERIALIZED (
    SELECT s.id, {MISSED_RECORDS} AS policy, {ORIGIN_MS} AS origin_ms, {NOW_MS} AS now_ms, {SKIP_OFFSET_MS} AS skip_offset_ms,
           {to_ms_down("c.changed_at")} AS let_go_ms
    FROM simulations s JOIN simulation_control c ON c.simulation_id = s.id
    WHERE {CLAIMABLE_RUN} AND {MISSED_RECORDS} <> 'CatchUp' AND (CAST(:id AS uuid) IS NULL OR s.id = :id)
)
"""

# What was never begun, isn't being skipped already, and was due at the offset given or before: one range of batches_unfinished.
_WAITING_UNTIL = f"b.simulation_id = live.id AND b.state <> 2 AND {NEVER_BEGUN} AND b.offset_ms > live.skip_offset_ms AND b.offset_ms <= "

CANDIDATES = f"""
WITH {_LIVE}
SELECT live.id FROM live CROSS JOIN LATERAL (
    SELECT FROM batches b WHERE {_WAITING_UNTIL} live.now_ms - live.origin_ms - :missed_after_ms
    ORDER BY b.offset_ms LIMIT 1
) one
ORDER BY live.id LIMIT :limit
"""

LOOK = f"""
WITH {_LIVE}
SELECT live.policy, live.now_ms, live.let_go_ms, live.origin_ms + earliest.offset_ms AS earliest_due_ms
FROM live LEFT JOIN LATERAL (
    SELECT b.offset_ms FROM batches b WHERE {_WAITING_UNTIL} live.now_ms - live.origin_ms ORDER BY b.offset_ms LIMIT 1
) earliest ON true
"""

# Guarantees: the moment only moves forward.
_SKIP = text("""
UPDATE simulations SET skip_until = greatest(skip_until, :moment), updated_at = statement_timestamp() WHERE id = :id
""")

# Guarantees: what is being skipped stays exactly that: the moment moves along with the plan.
_SHIFT = text("""
UPDATE simulations SET shift_milliseconds = shift_milliseconds + :by_ms, skip_until = skip_until + :by_ms * interval '1 millisecond',
       updated_at = statement_timestamp()
WHERE id = :id
""")


@dataclass(frozen=True)
class Judged:
    simulation_id: UUID
    missed: Missed


def judge_what_was_let_go(connection: Connection, id: UUID) -> Missed | None:  # noqa: A002 - the column's name
    """After a resume, or at the plan's publication: what was due by the moment the run was last let go was missed.

    The caller's transaction holds the run. None: nothing of the run can be claimed, or it catches up.
    """
    return _judge(connection, id, missed_after_ms=None)


def judge_running(engine: Engine, *, missed_after_ms: int = MISSED_AFTER_MS, limit: int = RUNS_A_CALL) -> list[Judged]:
    """Judges up to `limit` runs of which something is overdue by `missed_after_ms` or more; returns those whose plan changed.

    Any number of processes may do so at once: who comes second finds nothing missed. A run that can't be judged doesn't hold up others.
    """
    with transaction(engine) as connection:
        found = connection.scalars(text(CANDIDATES), {"id": None, "missed_after_ms": missed_after_ms, "limit": limit}).all()
    judged = [Judged(id, missed) for id in found if (missed := _judge_alone(engine, id, missed_after_ms)) is not None]  # noqa: A001
    return [one for one in judged if isinstance(one.missed.action, SkipUntil | ShiftBy)]


def _judge_alone(engine: Engine, id: UUID, missed_after_ms: int) -> Missed | None:  # noqa: A002
    try:
        with transaction(engine) as connection:
            connection.execute(HOLD_RUN, {"id": id})
            return _judge(connection, id, missed_after_ms)
    except SQLAlchemyError:
        _log.exception("judging what simulation %s missed failed", id)
        return None


def _judge(connection: Connection, id: UUID, missed_after_ms: int | None) -> Missed | None:  # noqa: A002
    # A statement of its own, begun after the lock was got: its snapshot has what the lock was waited for.
    seen = connection.execute(text(LOOK), {"id": id}).mappings().one_or_none()
    if seen is None:
        return None
    moment_ms = seen["let_go_ms"] if missed_after_ms is None else seen["now_ms"] - missed_after_ms
    missed = decide(MissedRecords(seen["policy"]), earliest_due_ms=seen["earliest_due_ms"], moment_ms=moment_ms, now_ms=seen["now_ms"])
    match missed.action:
        case SkipUntil(until_ms):
            connection.execute(_SKIP, {"id": id, "moment": from_ms(until_ms)})
            _log.info("simulation %s: %s", id, missed.message)
        case ShiftBy(by_ms):
            connection.execute(_SHIFT, {"id": id, "by_ms": by_ms})
            _log.info("simulation %s: %s", id, missed.message)
    return missed
