"""Ending claims: outcomes, the batch's state, the run's counters and status, deltas and errors move in ONE statement, or none does.

It needs no control row: what was claimed before a suspension is still counted after it (draining), and after a deletion it harms nothing.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine

from simulation_core.ledger.endings import COUNT_AND_END
from simulation_core.ledger.groups import Group, array, array_with_gaps, grouped, lines
from simulation_core.ledger.lateness import EDGES_MS
from simulation_core.ledger.messages import storable
from simulation_core.ledger.sql import DONE, GIVEN_RUNS, IS_CLAIMED, NOW_MS, PENDING, after_ms, given, taken_for_few, to_ms
from simulation_core.ledger.trips import FAILURES, in_trips, prepared
from simulation_core.ledger.values import Finish, RecordResult
from simulation_core.reasons import Reason

_log = logging.getLogger(__name__)

_EDGES = array(list(EDGES_MS))

# What names a claim, and locks it against everyone else: state and attempt must be those of the claim.
GUARD = f"{IS_CLAIMED} AND b.attempt = g.claim"

# The plan may be shifted while a batch is delivered: it was due by the shift of its claim. NULL: claimed by a build that stored none.
CLAIMED_SHIFT = "coalesce(b.claimed_shift_ms, g.shift_ms)"

# A batch that nothing was said about before, and of which all was delivered at one moment: nearly all of them. It costs by the batch;
# the others, which have something to say about single records, go record by record.
IS_WHOLE = "(b.outcomes IS NULL AND g.new_outcomes IS NULL AND g.rest_ms IS NOT NULL)"

# A record counts once: what isn't PENDING any more keeps its outcome, whatever is said of it now.
WAS_OPEN = "coalesce(z.old_outcome, 0) = 0"

_GIVEN = given(
    "numbers AS integer[]",
    "attempts AS integer[]",
    "rest AS bigint[]",
    "retry_after AS bigint[]",
    "outcomes AS text[]",
    "tried AS text[]",
    "delivered AS text[]",
    "crm_ids AS lines",
    "errors AS lines",
)

# One batch record by record, from a row `l` of `locked`.
_MIXED = f"""
SELECT array_agg(o.outcome ORDER BY o.position)::smallint[] AS outcomes, array_agg(o.tries ORDER BY o.position)::smallint[] AS tries,
       array_agg(o.delivered_offset ORDER BY o.position) AS delivered_offsets,
       array_agg(CASE WHEN o.was_open AND o.outcome = 1 THEN o.delivered_offset - o.due_offset END ORDER BY o.position) AS lateness_ms,
       array_agg(o.was_open ORDER BY o.position) AS were_open, array_agg(o.is_exhausted ORDER BY o.position) AS are_exhausted,
       count(*) FILTER (WHERE o.outcome = 0) AS left_over,
       count(*) FILTER (WHERE o.outcome = 1 AND o.was_open) AS newly_delivered,
       count(*) FILTER (WHERE o.outcome = 2 AND o.was_open) AS newly_failed,
       count(*) FILTER (WHERE o.outcome = 3 AND o.was_open) AS newly_skipped
FROM (
    SELECT c.*, CASE WHEN NOT c.was_open THEN c.old_delivered
                     WHEN c.outcome = 1 THEN coalesce(c.delivered_ms, CASE WHEN c.is_named THEN l.now_ms ELSE l.rest_ms END) - l.start_ms
                END AS delivered_offset
    FROM (
        SELECT z.position, z.old_delivered, z.delivered_ms, {WAS_OPEN} AS was_open, z.given_outcome IS NOT NULL AS is_named,
               l.offset_ms - z.before_ms + l.due_shift_ms AS due_offset, e.is_exhausted,
               coalesce(z.tries, 0) + CASE WHEN {WAS_OPEN} THEN coalesce(z.tried, 0) ELSE 0 END AS tries,
               CASE WHEN NOT {WAS_OPEN} THEN z.old_outcome
                    WHEN z.given_outcome IS NULL AND l.rest_ms IS NOT NULL THEN 1
                    WHEN e.is_exhausted THEN 2
                    ELSE coalesce(z.given_outcome, 0) END AS outcome
        FROM unnest(l.record_offsets, l.outcomes, l.tries, l.delivered_offsets,
                    l.new_outcomes::smallint[], l.tried::smallint[], l.delivered_ms::bigint[])
             WITH ORDINALITY AS z (before_ms, old_outcome, tries, old_delivered, given_outcome, tried, delivered_ms, position)
        CROSS JOIN LATERAL (
            SELECT {WAS_OPEN} AND z.given_outcome = 0 AND z.tried = 1 AND coalesce(z.tries, 0) + 1 >= l.tries_limit AS is_exhausted
        ) e
        WHERE z.before_ms IS NOT NULL
    ) c
) o
"""

# Guarantees:
# - a claim is finished at most once, by its holder (the guard, judged again on the row's newest version after waiting for its lock)
# - a counter moves by exactly the outcomes that leave PENDING here; a terminal outcome never changes
# - batches are locked by (simulation, number), then simulations by id, so groups can't deadlock
# - lateness, and the part of the window, are judged by the due time that the claim was for
# - what ended stays ended: a terminal status is never overwritten, and a cancelled run is left to settle()
# Each batch is one row all the way through, joined by its key alone: a join by anything else costs the square of the group.
FINISH = f"""
WITH runs AS MATERIALIZED (
    SELECT r.id, r.first, r.last, {to_ms("s.start_time")} AS start_ms, s.shift_milliseconds AS shift_ms, {NOW_MS} AS now_ms,
           greatest(1, {to_ms("s.end_time")} - {to_ms("s.start_time")}) AS window_ms,
           coalesce((s.spec #>> '{{retries,limit}}')::integer, 5) AS tries_limit
    FROM {GIVEN_RUNS} JOIN simulations s ON s.id = r.id
), given AS MATERIALIZED (
    SELECT r.*, g.*, r.first + g.position - 1 AS place
    FROM runs r
    CROSS JOIN LATERAL {_GIVEN}
        AS g (number, claim, rest_ms, retry_after_ms, new_outcomes, tried, delivered_ms, crm_ids, errors, position)
    ORDER BY r.id, g.number
), locked AS MATERIALIZED (
    SELECT g.*, b.attempt, b.first_record, b.offset_ms, b.record_offsets, b.outcomes, b.tries, b.delivered_offsets,
           {CLAIMED_SHIFT} AS due_shift_ms, {IS_WHOLE} AS is_whole
    FROM given g CROSS JOIN LATERAL (
        SELECT * FROM batches b WHERE b.simulation_id = g.id AND b.number = g.number AND {GUARD} FOR NO KEY UPDATE
    ) b
), mixed AS MATERIALIZED (
    SELECT l.id, l.number, l.place, l.attempt, l.first_record, l.due_shift_ms, l.window_ms, l.crm_ids, l.errors::jsonb AS errors,
           CASE WHEN l.retry_after_ms > 0 THEN l.retry_after_ms END AS retry_after_ms, m.*
    FROM locked l CROSS JOIN LATERAL ({_MIXED}) m
    WHERE NOT l.is_whole
), ended AS (
    SELECT l.id, l.number, l.place, l.crm_ids, array_fill(1::smallint, ARRAY[w.records]) AS outcomes,
           NULL::smallint[] AS tries, array_fill(l.rest_ms - l.start_ms, ARRAY[w.records]) AS delivered_offsets,
           NULL::bigint AS retry_after_ms, 0 AS left_over, w.records AS newly_delivered, 0 AS newly_failed, 0 AS newly_skipped
    FROM locked l CROSS JOIN LATERAL (SELECT cardinality(l.record_offsets) AS records) w
    WHERE l.is_whole
    UNION ALL
    SELECT id, number, place, crm_ids, outcomes, tries, delivered_offsets, retry_after_ms,
           left_over, newly_delivered, newly_failed, newly_skipped
    FROM mixed
), moved AS (
    UPDATE batches b SET outcomes = e.outcomes, tries = e.tries, delivered_offsets = e.delivered_offsets,
           crm_ids = CASE WHEN e.crm_ids IS NULL THEN b.crm_ids WHEN b.crm_ids IS NULL THEN e.crm_ids::jsonb
                          ELSE b.crm_ids || e.crm_ids::jsonb END,
           state = CASE WHEN e.left_over > 0 THEN {PENDING} ELSE {DONE} END, lease_until = NULL, crashes = 0,
           not_before = CASE WHEN e.left_over > 0 THEN {after_ms("e.retry_after_ms")} END
    FROM ended e
    WHERE b.simulation_id = e.id AND b.number = e.number AND {taken_for_few("e")}
    RETURNING b.simulation_id, e.place, e.newly_delivered, e.newly_failed, e.newly_skipped
), sums AS MATERIALIZED (
    SELECT simulation_id, sum(newly_delivered)::integer AS delivered, sum(newly_failed)::integer AS failed,
           sum(newly_skipped)::integer AS skipped
    FROM moved GROUP BY simulation_id
), m AS MATERIALIZED (
    SELECT u.* FROM (SELECT * FROM sums WHERE delivered + failed + skipped > 0 ORDER BY simulation_id) u
    CROSS JOIN LATERAL (SELECT FROM simulations s WHERE s.id = u.simulation_id FOR NO KEY UPDATE) s
), judged AS (
    UPDATE simulations s SET {COUNT_AND_END}
    FROM m JOIN simulation_control c ON c.simulation_id = m.simulation_id
    WHERE s.id = m.simulation_id
), noted AS (
    INSERT INTO deltas (simulation_id, buckets, lateness)
    SELECT d.id, array_agg(least(39, greatest(0, d.bucket))::smallint),
           array_agg(width_bucket(d.lateness_ms, CAST(:edges AS bigint[]))::smallint)
    FROM (
        SELECT l.id, (l.rest_ms - l.start_ms - l.due_shift_ms) * 40 / l.window_ms AS bucket,
               l.rest_ms - l.start_ms - l.due_shift_ms - l.offset_ms + before_ms AS lateness_ms
        FROM locked l CROSS JOIN LATERAL unnest(l.record_offsets) AS before_ms
        WHERE l.is_whole
        UNION ALL
        SELECT m.id, (z.delivered_offset - m.due_shift_ms) * 40 / m.window_ms, z.lateness_ms
        FROM mixed m CROSS JOIN LATERAL unnest(m.delivered_offsets, m.lateness_ms) AS z (delivered_offset, lateness_ms)
        WHERE z.lateness_ms IS NOT NULL
    ) d
    GROUP BY d.id
), explained AS (
    INSERT INTO record_errors (simulation_id, record, attempt, final, reason, message, correlation_id)
    SELECT m.id, m.first_record + z.position - 1, m.attempt, z.outcome = 2,
           CASE WHEN z.is_exhausted THEN :exhausted ELSE coalesce(e.error ->> 'reason', :rejected) END,
           CASE WHEN z.is_exhausted THEN
                    format('%s tries; the last: %s', z.tries,
                           coalesce(nullif(e.error ->> 'message', ''), e.error ->> 'reason', 'no answer'))
                ELSE coalesce(e.error ->> 'message', '') END,
           e.error ->> 'correlationId'
    FROM mixed m
    CROSS JOIN LATERAL unnest(m.outcomes, m.tries, m.were_open, m.are_exhausted)
        WITH ORDINALITY AS z (outcome, tries, was_open, is_exhausted, position)
    CROSS JOIN LATERAL (SELECT m.errors -> (z.position - 1)::text AS error) e
    WHERE (m.newly_failed > 0 OR m.errors IS NOT NULL) AND z.was_open AND (z.outcome = 2 OR (z.outcome = 0 AND e.error IS NOT NULL))
    ORDER BY m.place, z.position
)
SELECT CASE WHEN count(*) < :asked THEN coalesce(array_agg(place), '{{}}') END AS places FROM moved
"""


def finish_statement(guard: str = GUARD) -> str:
    """The statement; a test passes a broken guard to see that it matters."""
    return FINISH.replace(GUARD, guard)


_FINISH = prepared(finish_statement())


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
    except FAILURES:
        if len(finishes) == 1:
            # Its lease runs out and it is delivered again: an upsert, so nothing doubles.
            _log.exception("finishing batch %d of simulation %s failed", finishes[0].fence.batch, finishes[0].fence.simulation_id)
            return [False]
        _log.exception("a group of %d finishes failed; finishing one by one", len(finishes))
        return [one_by_one_on_failure(together, [finish])[0] for finish in finishes]


def _finish_together(engine: Engine, finishes: Sequence[Finish]) -> list[bool]:
    # The same claim twice in a group would meet its own row twice: the first counts, as it would one after the other.
    group = grouped([finish.fence for finish in finishes])
    (answer,) = in_trips(engine, [(_FINISH, parameters(group, finishes))])
    return group.told(answer.rows[0][0])


def parameters(group: Group, finishes: Sequence[Finish]) -> dict[str, object]:
    """Columns for the statement. Of what a group has nothing of, an empty one: it is NULL in all rows."""
    ordered = [finishes[position] for position in group.order]
    has_results = any(finish.results for finish in ordered)
    dense = [_by_position(finish.results) for finish in ordered] if has_results else []
    return {
        **group.parameters,
        "asked": len(ordered),
        "rest": array_with_gaps([finish.rest_delivered_ms for finish in ordered]),
        "retry_after": array([finish.retry_after_ms for finish in ordered]) if any(finish.retry_after_ms for finish in ordered) else "{}",
        "outcomes": _column(dense, lambda result: result.outcome.value),
        "tried": _column(dense, lambda result: int(result.counts_as_try)),
        "delivered": _column(dense, lambda result: result.delivered_ms),
        "crm_ids": _json([finish.crm_ids for finish in ordered]),
        "errors": _json([_errors(finish.results) for finish in ordered]) if has_results else "",
        "edges": _EDGES,
        "exceeded": Reason.FAILURE_POLICY_EXCEEDED.value,
        "exhausted": Reason.RETRIES_EXHAUSTED.value,
        "rejected": Reason.RECORD_REJECTED.value,
    }


def _by_position(results: Sequence[RecordResult]) -> list[RecordResult | None]:
    by_index = {result.index: result for result in results}
    return [by_index.get(index) for index in range(max(by_index, default=-1) + 1)]


def _column(dense: Sequence[Sequence[RecordResult | None]], of: Callable[[RecordResult], int | None]) -> list[str | None]:
    """Of each batch one array, aligned to its records by position; None where nothing is said about any of them."""
    return [array_with_gaps([None if one is None else of(one) for one in results]) if results else None for results in dense]


def _json(values: Sequence[Mapping[str, object]]) -> str:
    """Empty ones cost nothing."""
    return lines([json.dumps(dict(value)) if value else "" for value in values]) if any(values) else ""


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
