"""Claiming batches with a fence, keeping the claim alive, and giving it back.

A claim is one transaction of two statements. The first shares the runs, which suspend, cancel and delete hold alone: whichever comes
second sees the first, and no claim commits after they returned. The second has, because it starts afterwards, a snapshot in which their
effects (status, shift, resolved start) are visible; in a single statement they could be stale after the wait, and a batch could go out
before its shifted time.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.holding import SHARE_RUNS
from simulation_core.ledger.rows import SELECT_RUNS, runs_by_id, to_runs
from simulation_core.ledger.sql import (
    CLAIMED,
    DONE,
    GIVEN_RUNS,
    IS_CLAIMED,
    MISSED_RECORDS,
    NOW_MS,
    ORIGIN_MS,
    PENDING,
    SKIP_OFFSET_MS,
    after_ms,
    given,
    taken_for_few,
    to_ms,
)
from simulation_core.ledger.trips import FAILURES, in_trips, prepared
from simulation_core.ledger.values import Claimed, ClaimRequest, ClaimResult, Early, Fence, Outcome, Refused, Run
from simulation_core.plan.missed import MISSED_AFTER_MS

_log = logging.getLogger(__name__)

# What was never begun and missed is not begun before it was decided what becomes of it, nor once it is to be skipped.
SKIPPED_SOON = "l.attempt = 0 AND l.offset_ms <= l.skip_offset_ms"
MISSED = "l.attempt = 0 AND l.missed_is_decided AND l.origin_ms + l.offset_ms <= l.now_ms - :missed_after_ms"

_BATCHES = given("numbers AS integer[]", "attempts AS integer[]")

# Guarantees: of any number of claims for a batch and attempt one succeeds; none is early by Postgres's clock; only of runs that are on;
# none of a batch that is being skipped, or about which missedRecords has to be asked first; it keeps the shift it was due by.
# The rows are locked in the one order (simulation, number), also those that turn out not to be claimable.
CLAIM = f"""
WITH runs AS MATERIALIZED (
    SELECT r.id, r.first, r.last, s.status, s.start_time, s.shift_milliseconds AS shift_ms, c.run_state, {ORIGIN_MS} AS origin_ms,
           {NOW_MS} AS now_ms, {SKIP_OFFSET_MS} AS skip_offset_ms, {MISSED_RECORDS} <> 'CatchUp' AS missed_is_decided
    FROM {GIVEN_RUNS} JOIN simulations s ON s.id = r.id JOIN simulation_control c ON c.simulation_id = r.id
), given AS MATERIALIZED (
    SELECT r.*, g.number, g.attempt AS asked, r.first + g.position - 1 AS place
    FROM runs r CROSS JOIN LATERAL {_BATCHES} AS g (number, attempt, position)
    ORDER BY r.id, g.number
), locked AS MATERIALIZED (
    SELECT g.*, b.offset_ms, b.state, b.attempt, b.lease_until, b.not_before
    FROM given g CROSS JOIN LATERAL (
        SELECT * FROM batches b WHERE b.simulation_id = g.id AND b.number = g.number FOR NO KEY UPDATE
    ) b
), judged AS MATERIALIZED (
    SELECT l.id, l.number, l.place, l.status, l.shift_ms, l.origin_ms, l.now_ms,
           greatest(l.origin_ms + l.offset_ms, {to_ms("l.not_before")}) - l.now_ms AS remaining_ms,
           CASE WHEN l.run_state <> 'RUNNING' THEN 'the run is ' || lower(l.run_state)
                WHEN l.status NOT IN ('QUEUED', 'RUNNING') THEN 'the run is ' || lower(l.status)
                WHEN l.start_time IS NULL THEN 'the run has no start yet'
                WHEN l.state = {DONE} THEN 'the batch is done'
                WHEN l.asked <> l.attempt + 1 THEN 'the job is stale'
                WHEN l.state = {CLAIMED} AND l.lease_until > statement_timestamp() THEN 'the batch is claimed by another'
                WHEN {SKIPPED_SOON} THEN 'the batch is being skipped'
                WHEN {MISSED} THEN 'the batch was missed; missedRecords decides'
           END AS refusal
    FROM locked l
), claimed AS (
    UPDATE batches b SET state = {CLAIMED}, attempt = b.attempt + 1, not_before = NULL, claimed_shift_ms = j.shift_ms,
           lease_until = {after_ms("CAST(:lease_ms AS bigint)")},
           crashes = b.crashes + CASE WHEN b.state = {CLAIMED} THEN 1 ELSE 0 END
    FROM judged j
    WHERE b.simulation_id = j.id AND b.number = j.number AND j.refusal IS NULL AND j.remaining_ms <= 0
      AND {taken_for_few("j")}
    RETURNING j.id, j.status, b.first_record, b.offset_ms, b.record_offsets, b.outcomes, b.tries, b.crashes,
              j.place, j.origin_ms, j.now_ms
), queued AS MATERIALIZED (
    SELECT q.id FROM (SELECT DISTINCT id FROM claimed WHERE status = 'QUEUED' ORDER BY id) q
    CROSS JOIN LATERAL (SELECT FROM simulations s WHERE s.id = q.id AND s.status = 'QUEUED' FOR NO KEY UPDATE) s
), started AS (
    UPDATE simulations s SET status = 'RUNNING', started_at = coalesce(s.started_at, statement_timestamp()),
           updated_at = statement_timestamp()
    FROM queued q WHERE s.id = q.id AND s.status = 'QUEUED'
)
SELECT place, true AS is_claimed, NULL AS refusal, NULL AS remaining_ms,
       now_ms, first_record, origin_ms + offset_ms AS due_ms, nullif(record_offsets, '{{0}}') AS record_offsets, outcomes, tries, crashes
FROM claimed
UNION ALL
SELECT place, false, refusal, remaining_ms, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM judged WHERE refusal IS NOT NULL OR remaining_ms > 0
"""

# Guarantees: only the holder of an unexpired claim of a run that is on gets more time. Locked in the one order.
RENEW = f"""
WITH given AS MATERIALIZED (
    SELECT r.id, g.number, g.attempt
    FROM {GIVEN_RUNS} JOIN simulation_control c ON c.simulation_id = r.id AND c.run_state = 'RUNNING'
    CROSS JOIN LATERAL {_BATCHES} AS g (number, attempt, position)
    ORDER BY r.id, g.number
), locked AS MATERIALIZED (
    SELECT g.id, g.number FROM given g CROSS JOIN LATERAL (
        SELECT FROM batches b
        WHERE b.simulation_id = g.id AND b.number = g.number AND {IS_CLAIMED} AND b.attempt = g.attempt
          AND b.lease_until > statement_timestamp()
        FOR NO KEY UPDATE
    ) b
)
UPDATE batches b SET lease_until = {after_ms("CAST(:lease_ms AS bigint)")}
FROM locked l WHERE b.simulation_id = l.id AND b.number = l.number AND {taken_for_few("l")}
RETURNING b.simulation_id, b.number, b.attempt
"""

# What was claimed by it, as CLAIM says it; read once a renewal locked the row, so that no other claim comes in between.
ADOPTED = f"""
SELECT {NOW_MS} AS now_ms, b.first_record,
       {to_ms("s.start_time")} + coalesce(b.claimed_shift_ms, s.shift_milliseconds) + b.offset_ms AS due_ms,
       nullif(b.record_offsets, '{{0}}') AS record_offsets, b.outcomes, b.tries, b.crashes
FROM batches b JOIN simulations s ON s.id = b.simulation_id
WHERE b.simulation_id = :simulation AND b.number = :number
"""

# Guarantees: a claim is given back once, by its holder; it counts as a crash only where the holder says so. Locked in the one order.
RELEASE = f"""
WITH given AS MATERIALIZED (
    SELECT r.id, g.number, g.attempt FROM {GIVEN_RUNS} CROSS JOIN LATERAL {_BATCHES} AS g (number, attempt, position)
    ORDER BY r.id, g.number
), locked AS MATERIALIZED (
    SELECT g.id, g.number FROM given g CROSS JOIN LATERAL (
        SELECT FROM batches b
        WHERE b.simulation_id = g.id AND b.number = g.number AND {IS_CLAIMED} AND b.attempt = g.attempt
        FOR NO KEY UPDATE
    ) b
)
UPDATE batches b SET state = {PENDING}, lease_until = NULL, crashes = b.crashes + CASE WHEN :crashed THEN 1 ELSE 0 END,
       not_before = CASE WHEN :retry_after_ms > 0 THEN {after_ms("CAST(:retry_after_ms AS bigint)")} END
FROM locked l WHERE b.simulation_id = l.id AND b.number = l.number AND {taken_for_few("l")}
RETURNING b.simulation_id, b.number, b.attempt
"""

_SHARE_RUNS, _RENEW, _ADOPTED, _RELEASE = map(text, (SHARE_RUNS, RENEW, ADOPTED, RELEASE))
_SHARE_FIRST, _CLAIM = prepared(SHARE_RUNS), prepared(CLAIM)
_ABOUT_RUNS = prepared(f"{SELECT_RUNS} WHERE s.id = ANY(CAST(:simulations AS uuid[]))")

_OUTCOMES = tuple(Outcome)
_ALONE = (0,)  # record_offsets of a batch of one, for which the statements say NULL: an array costs more than the rest of the row


def claim(engine: Engine, requests: Sequence[ClaimRequest], *, lease_ms: int, missed_after_ms: int = MISSED_AFTER_MS) -> list[ClaimResult]:
    """What each request got, in their order: Claimed, Early (offer again after so many ms), or Refused (drop the job)."""
    if not requests:
        return []
    if len(requests) == 1:
        return [_claim_alone(engine, requests[0], lease_ms, missed_after_ms)]
    try:
        return _claim_together(engine, requests, lease_ms, missed_after_ms)
    except FAILURES:
        _log.exception("a group of %d claims failed; claiming one by one", len(requests))
        return [_claim_alone(engine, request, lease_ms, missed_after_ms) for request in requests]


def renew(engine: Engine, fences: Sequence[Fence], lease_ms: int) -> list[bool]:
    """Which claims now last `lease_ms` from here. False: begin no further call; what was begun may still be finished.

    Refused when the fence is lost, the lease has run out, or the run was suspended, cancelled or deleted: so draining ends.
    """
    if not fences:
        return []
    parameters = grouped(fences).parameters
    with transaction(engine) as connection:
        connection.execute(_SHARE_RUNS, {"simulations": parameters["simulations"]})
        rows = connection.execute(_RENEW, {**parameters, "lease_ms": lease_ms}).all()
    return _told(fences, rows)


def adopt(engine: Engine, fence: Fence, *, lease_ms: int) -> Claimed | None:
    """The claim that another process holds by this fence, renewed for whoever goes on with it; the other holds it no less.

    None where a renewal would be refused.
    """
    parameters = grouped([fence]).parameters
    with transaction(engine) as connection:
        connection.execute(_SHARE_RUNS, {"simulations": parameters["simulations"]})
        if not connection.execute(_RENEW, {**parameters, "lease_ms": lease_ms}).all():
            return None
        told = connection.execute(_ADOPTED, {"simulation": fence.simulation_id, "number": fence.batch}).one()
        runs = runs_by_id(connection, [fence.simulation_id])
    return _claimed(fence, runs[fence.simulation_id], told, lease_ms)


def release(engine: Engine, fences: Sequence[Fence], *, retry_after_ms: int = 0, crashed: bool = False) -> list[bool]:
    """Gives back what wasn't begun: PENDING again, claimable after `retry_after_ms`. False: the fence was lost.

    `crashed`: it was begun and its holder failed, which counts like a holder that died.
    """
    if not fences:
        return []
    with transaction(engine) as connection:
        rows = connection.execute(_RELEASE, {**grouped(fences).parameters, "retry_after_ms": retry_after_ms, "crashed": crashed}).all()
    return _told(fences, rows)


def _claim_alone(engine: Engine, request: ClaimRequest, lease_ms: int, missed_after_ms: int) -> ClaimResult:
    try:
        return _claim_together(engine, [request], lease_ms, missed_after_ms)[0]
    except FAILURES:
        _log.exception("claiming batch %d of simulation %s failed", request.batch, request.simulation_id)
        return Refused(request=request, why="the claim failed, see the log")


def _claim_together(engine: Engine, requests: Sequence[ClaimRequest], lease_ms: int, missed_after_ms: int) -> list[ClaimResult]:
    group = grouped(requests)
    simulations = {"simulations": group.parameters["simulations"]}
    asked = {**group.parameters, "lease_ms": lease_ms, "missed_after_ms": missed_after_ms}
    _, answer, about_runs = in_trips(engine, [(_SHARE_FIRST, simulations)], [(_CLAIM, asked), (_ABOUT_RUNS, simulations)])
    rows = answer.rows
    runs = {run.id: run for run in to_runs(about_runs)} if any(row[1] for row in rows) else {}
    results: list[ClaimResult | None] = [None] * len(requests)
    for place, is_claimed, refusal, remaining_ms, *told in rows:
        position = group.order[place - 1]
        request = requests[position]
        if is_claimed:
            results[position] = _claimed(Fence(*request), runs[request.simulation_id], told, lease_ms)
        elif refusal is not None:
            results[position] = Refused(request=request, why=refusal)
        else:
            results[position] = Early(request=request, remaining_ms=remaining_ms)
    if None not in results:
        return cast(list[ClaimResult], results)
    was_asked = set(group.order)
    return [result or _no_answer(requests[position], position in was_asked) for position, result in enumerate(results)]


def _claimed(fence: Fence, run: Run, told: Sequence[Any], lease_ms: int) -> Claimed:
    now_ms, first_record, due_ms, record_offsets, outcomes, tries, crashes = told
    count = len(record_offsets or _ALONE)
    return Claimed(
        fence,
        run,
        first_record,
        due_ms=[due_ms - before for before in record_offsets or _ALONE],
        outcomes=(Outcome.PENDING,) * count if outcomes is None else [_OUTCOMES[outcome] for outcome in outcomes],
        tries=tries or (0,) * count,
        crashes=crashes,
        claimed_ms=now_ms,
        lease_ms=lease_ms,
    )


def _no_answer(request: ClaimRequest, was_asked: bool) -> Refused:
    return Refused(request=request, why="the batch doesn't exist" if was_asked else "the batch was asked for twice in one group")


def _told(fences: Sequence[Fence], rows: Sequence[Sequence[object]]) -> list[bool]:
    done = {tuple(row) for row in rows}
    return [fence in done for fence in fences]
