"""Ending claims: outcomes, the batch's state, the run's counters and status, deltas and errors move in ONE statement, or none does.

It needs no control row: what was claimed before a suspension is still counted after it (draining), and after a deletion it harms nothing.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from simulation_core.ledger.endings import COUNT_AND_END
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.lateness import EDGES_MS
from simulation_core.ledger.messages import storable
from simulation_core.ledger.sql import DONE, IS_CLAIMED, NOW_MS, PENDING, after_ms, to_ms
from simulation_core.ledger.values import Finish, RecordResult
from simulation_core.reasons import Reason

_log = logging.getLogger(__name__)

# What names a claim, and locks it against everyone else: state and attempt must be those of the claim.
GUARD = f"{IS_CLAIMED} AND b.attempt = g.attempt"

# The plan may be shifted while a batch is delivered: it was due by the shift of its claim. NULL: claimed by a build that stored none.
CLAIMED_SHIFT = "coalesce(l.claimed_shift_ms, s.shift_milliseconds)"

# Guarantees:
# - a claim is finished at most once, by its holder (the guard, judged again on the row's newest version after waiting for its lock)
# - a counter moves by exactly the outcomes that leave PENDING here; a terminal outcome never changes
# - batches are locked by (simulation, number), then simulations by id, so groups can't deadlock
# - lateness, and the part of the window, are judged by the due time that the claim was for
# - what ended stays ended: a terminal status is never overwritten, and a cancelled run is left to settle()
FINISH = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:ordinals AS integer[]), CAST(:simulations AS uuid[]), CAST(:numbers AS integer[]),
                         CAST(:attempts AS integer[]), CAST(:retry_after AS bigint[]), CAST(:outcomes AS text[]),
                         CAST(:tried AS text[]), CAST(:delivered AS text[]), CAST(:crm_ids AS text[]), CAST(:errors AS text[]))
        AS g (ordinal, simulation_id, number, attempt, retry_after_ms, outcomes, tried, delivered, crm_ids, errors)
), locked AS MATERIALIZED (
    SELECT b.simulation_id, b.number, b.attempt, b.first_record, b.offset_ms, b.record_offsets, b.outcomes, b.tries, b.delivered_offsets,
           b.claimed_shift_ms, g.ordinal, g.retry_after_ms, g.crm_ids::jsonb AS crm_ids, g.errors::jsonb AS errors,
           g.outcomes::smallint[] AS new_outcomes, g.tried::smallint[] AS tried, g.delivered::bigint[] AS delivered_ms
    FROM given g JOIN batches b ON b.simulation_id = g.simulation_id AND b.number = g.number
    WHERE {GUARD}
    ORDER BY b.simulation_id, b.number FOR NO KEY UPDATE OF b
), timed AS MATERIALIZED (
    SELECT l.*, {to_ms("s.start_time")} AS start_ms, {CLAIMED_SHIFT} AS shift_ms, {NOW_MS} AS now_ms,
           greatest(1, {to_ms("s.end_time")} - {to_ms("s.start_time")}) AS window_ms,
           coalesce((s.spec #>> '{{retries,limit}}')::integer, 5) AS tries_limit
    FROM locked l JOIN simulations s ON s.id = l.simulation_id
), cells AS MATERIALIZED (
    SELECT l.ordinal, r.position, l.simulation_id, l.attempt, l.first_record + r.position - 1 AS record,
           r.old_outcome, r.tries, r.outcome, r.given_outcome,
           CASE WHEN r.old_outcome = 1 THEN r.old_delivered
                WHEN r.outcome = 1 THEN coalesce(r.delivered_ms, l.now_ms) - l.start_ms END AS delivered_offset,
           l.offset_ms - r.before_ms + l.shift_ms AS due_offset, l.shift_ms, l.window_ms,
           CASE WHEN l.errors <> '{{}}' THEN l.errors -> (r.position - 1)::text END AS error
    FROM timed l
    CROSS JOIN LATERAL (
        SELECT z.position, z.before_ms, z.old_delivered, z.delivered_ms,
               coalesce(z.old_outcome, 0) AS old_outcome,
               coalesce(z.tries, 0) + CASE WHEN coalesce(z.old_outcome, 0) = 0 THEN coalesce(z.tried, 0) ELSE 0 END AS tries,
               coalesce(z.given_outcome, 0) AS given_outcome,
               CASE WHEN coalesce(z.old_outcome, 0) <> 0 THEN z.old_outcome
                    WHEN coalesce(z.given_outcome, 0) <> 0 THEN z.given_outcome
                    WHEN z.tried = 1 AND coalesce(z.tries, 0) + 1 >= l.tries_limit THEN 2
                    ELSE 0 END AS outcome
        FROM unnest(l.record_offsets, l.outcomes, l.tries, l.delivered_offsets, l.new_outcomes, l.tried, l.delivered_ms)
             WITH ORDINALITY AS z (before_ms, old_outcome, tries, old_delivered, given_outcome, tried, delivered_ms, position)
        WHERE z.before_ms IS NOT NULL
    ) r
), batched AS MATERIALIZED (
    SELECT ordinal, array_agg(outcome ORDER BY position)::smallint[] AS outcomes, array_agg(tries ORDER BY position)::smallint[] AS tries,
           array_agg(delivered_offset ORDER BY position) AS delivered_offsets,
           count(*) FILTER (WHERE outcome = 0) AS left_over,
           count(*) FILTER (WHERE outcome = 1 AND old_outcome = 0) AS newly_delivered,
           count(*) FILTER (WHERE outcome = 2 AND old_outcome = 0) AS newly_failed,
           count(*) FILTER (WHERE outcome = 3 AND old_outcome = 0) AS newly_skipped
    FROM cells GROUP BY ordinal
), moved AS (
    UPDATE batches b SET outcomes = n.outcomes, tries = n.tries, delivered_offsets = n.delivered_offsets,
           crm_ids = CASE WHEN l.crm_ids = '{{}}' THEN b.crm_ids ELSE coalesce(b.crm_ids, '{{}}') || l.crm_ids END,
           state = CASE WHEN n.left_over > 0 THEN {PENDING} ELSE {DONE} END, lease_until = NULL, crashes = 0,
           not_before = CASE WHEN n.left_over > 0 AND l.retry_after_ms > 0 THEN {after_ms("l.retry_after_ms")} END
    FROM locked l JOIN batched n ON n.ordinal = l.ordinal
    WHERE b.simulation_id = l.simulation_id AND b.number = l.number
    RETURNING b.simulation_id, l.ordinal, n.newly_delivered, n.newly_failed, n.newly_skipped
), sums AS MATERIALIZED (
    SELECT simulation_id, sum(newly_delivered)::integer AS delivered, sum(newly_failed)::integer AS failed,
           sum(newly_skipped)::integer AS skipped
    FROM moved GROUP BY simulation_id
), held AS MATERIALIZED (
    SELECT s.id FROM simulations s WHERE s.id IN (SELECT simulation_id FROM sums WHERE delivered + failed + skipped > 0)
    ORDER BY s.id FOR NO KEY UPDATE
), judged AS (
    UPDATE simulations s SET {COUNT_AND_END}
    FROM sums m JOIN held h ON h.id = m.simulation_id JOIN simulation_control c ON c.simulation_id = m.simulation_id
    WHERE s.id = m.simulation_id
), noted AS (
    INSERT INTO deltas (simulation_id, buckets, lateness)
    SELECT simulation_id,
           array_agg(least(39, greatest(0, (delivered_offset - shift_ms) * 40 / window_ms))::smallint ORDER BY ordinal, position),
           array_agg(width_bucket(delivered_offset - due_offset, CAST(:edges AS bigint[]))::smallint ORDER BY ordinal, position)
    FROM cells WHERE outcome = 1 AND old_outcome = 0 GROUP BY simulation_id
), explained AS (
    INSERT INTO record_errors (simulation_id, record, attempt, final, reason, message, correlation_id)
    SELECT simulation_id, record, attempt, outcome = 2,
           CASE WHEN outcome = 2 AND given_outcome = 0 THEN :exhausted ELSE coalesce(error ->> 'reason', :rejected) END,
           CASE WHEN outcome = 2 AND given_outcome = 0 THEN
                    format('%s tries; the last: %s', tries, coalesce(nullif(error ->> 'message', ''), error ->> 'reason', 'no answer'))
                ELSE coalesce(error ->> 'message', '') END,
           error ->> 'correlationId'
    FROM cells WHERE old_outcome = 0 AND (outcome = 2 OR (outcome = 0 AND error IS NOT NULL))
    ORDER BY ordinal, position
)
SELECT ordinal FROM moved
"""


def finish_statement(guard: str = GUARD) -> str:
    """The statement; a test passes a broken guard to see that it matters."""
    return FINISH.replace(GUARD, guard)


_FINISH = text(finish_statement())


def finish(engine: Engine, finishes: Sequence[Finish]) -> list[bool]:
    """Which claims were ended, in the order given. False: the fence was lost (or, after an outage, the finish had got through already).

    A retryable answer that brings a record's tries to the run's retries.limit makes it FAILED with RetriesExhausted. Records that
    `results` doesn't mention stay PENDING. Where a group fails as a whole, each is tried alone, and what fails alone is False.
    """
    if not finishes:
        return []
    return one_by_one_on_failure(lambda group: _finish_together(engine, group), finishes)


def one_by_one_on_failure(together: Callable[[Sequence[Finish]], list[bool]], finishes: Sequence[Finish]) -> list[bool]:
    try:
        return together(finishes)
    except SQLAlchemyError:
        if len(finishes) == 1:
            # Its lease runs out and it is delivered again: an upsert, so nothing doubles.
            _log.exception("finishing batch %d of simulation %s failed", finishes[0].fence.batch, finishes[0].fence.simulation_id)
            return [False]
        _log.exception("a group of %d finishes failed; finishing one by one", len(finishes))
        return [one_by_one_on_failure(together, [finish])[0] for finish in finishes]


def _finish_together(engine: Engine, finishes: Sequence[Finish]) -> list[bool]:
    # The same claim twice in a group would meet its own row twice: the first counts, as it would one after the other.
    first = {finish.fence: ordinal for ordinal, finish in reversed(list(enumerate(finishes)))}
    chosen = sorted(first.values())
    with transaction(engine) as connection:
        ended = set(connection.scalars(_FINISH, parameters([(ordinal, finishes[ordinal]) for ordinal in chosen])))
    return [ordinal in ended for ordinal in range(len(finishes))]


def parameters(numbered: Sequence[tuple[int, Finish]]) -> dict[str, Any]:
    """Columns for the statement: per batch one array literal, aligned to the batch's records by position."""
    dense = [_by_position(finish.results) for _, finish in numbered]
    return {
        "ordinals": [ordinal for ordinal, _ in numbered],
        "simulations": [finish.fence.simulation_id for _, finish in numbered],
        "numbers": [finish.fence.batch for _, finish in numbered],
        "attempts": [finish.fence.attempt for _, finish in numbered],
        "retry_after": [finish.retry_after_ms for _, finish in numbered],
        "outcomes": [_array(None if result is None else int(result.outcome) for result in results) for results in dense],
        "tried": [_array(None if result is None else int(result.counts_as_try) for result in results) for results in dense],
        "delivered": [_array(None if result is None else result.delivered_ms for result in results) for results in dense],
        "crm_ids": [json.dumps(_crm_ids(finish.results)) for _, finish in numbered],
        "errors": [json.dumps(_errors(finish.results)) for _, finish in numbered],
        "edges": list(EDGES_MS),
        "exceeded": Reason.FAILURE_POLICY_EXCEEDED.value,
        "exhausted": Reason.RETRIES_EXHAUSTED.value,
        "rejected": Reason.RECORD_REJECTED.value,
    }


def _by_position(results: Sequence[RecordResult]) -> list[RecordResult | None]:
    by_index = {result.index: result for result in results}
    return [by_index.get(index) for index in range(max(by_index, default=-1) + 1)]


def _array(values: Any) -> str:
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _crm_ids(results: Sequence[RecordResult]) -> dict[str, str]:
    """Flat keys, so that what an earlier attempt found and what this one found merge."""
    return {f"{result.index}.{role}": crm_id for result in results for role, crm_id in result.crm_ids.items()}


def _errors(results: Sequence[RecordResult]) -> dict[str, dict[str, str | None]]:
    return {
        str(result.index): {
            "reason": result.reason,
            "message": storable(result.message or ""),
            "correlationId": None if result.correlation_id is None else storable(result.correlation_id),
        }
        for result in results
        if result.reason is not None or result.message
    }
