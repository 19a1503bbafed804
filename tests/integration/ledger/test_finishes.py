"""A finish moves outcomes, counters and status together, exactly once, and never takes back what was delivered."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from simulation_core.ledger import changes, claims, finishes, progress, retrying, runs
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.finishes import finish_statement, parameters
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.messages import MAX_MESSAGE
from simulation_core.ledger.values import Early, Fence, Finish, Outcome, RecordResult, Status
from simulation_core.reasons import Reason


def failed(index, message="no such owner"):
    return RecordResult(index=index, outcome=Outcome.FAILED, reason=Reason.RECORD_REJECTED, message=message, correlation_id="c-1")


def retryable(index, *, counts=True):
    return RecordResult(index=index, outcome=Outcome.PENDING, counts_as_try=counts, reason=Reason.PORTAL_UNAVAILABLE, message="502")


def ok(index, **fields):
    return RecordResult(index=index, outcome=Outcome.DELIVERED, **fields)


def finish(engine, claimed, *results, **fields):
    return finishes.finish(engine, [Finish(claimed.fence, results, **fields)])[0]


def errors(engine, run):
    with transaction(engine) as connection:
        statement = text("SELECT record, final, reason, message FROM record_errors WHERE simulation_id = :id ORDER BY id")
        return [tuple(row) for row in connection.execute(statement, {"id": run.id})]


def test_counters_follow_outcomes_and_the_run_completes_at_its_total(engine, make_run):
    run = make_run().records(4).batches_of(2).spec(failurePolicy={"maxFailedPercent": 25}).published()
    assert finish(engine, run.claimed(0), ok(0), failed(1))
    half = runs.get(engine, run.id)
    assert (half.status, half.records_processed, half.records_failed, half.finished_ms) == (Status.RUNNING, 1, 1, None)
    assert finish(engine, run.claimed(1), ok(0), RecordResult(index=1, outcome=Outcome.SKIPPED))
    done = runs.get(engine, run.id)
    assert (done.status, done.records_processed, done.records_failed, done.records_skipped) == (Status.COMPLETED, 2, 1, 1)
    assert done.finished_ms is not None
    assert errors(engine, run) == [(1, True, "RecordRejected", "no such owner")]


def test_more_failures_than_allowed_fail_the_run_at_its_end(engine, make_run):
    run = make_run().records(2).batches_of(2).spec(failurePolicy={"maxFailedPercent": 49}).published()
    finish(engine, run.claimed(), ok(0), failed(1))
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, Reason.FAILURE_POLICY_EXCEEDED)
    assert ended.message.startswith("1 of 2 records failed, more than the 49 %")


def test_a_run_that_stops_early_ends_with_the_failure_too_many_and_counts_what_is_being_delivered(engine, make_run):
    run = make_run().records(8).batches_of(2).spec(failurePolicy={"maxFailedPercent": 13, "stopEarly": True}).published()
    in_flight = run.claimed(2)
    finish(engine, run.claimed(0), failed(0), ok(1))
    assert runs.get(engine, run.id).status is Status.RUNNING
    finish(engine, run.claimed(1), failed(0), ok(1))
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "FailurePolicyExceeded")
    assert ended.finished_ms is not None
    (refused,) = claims.claim(engine, [run.request(3)], lease_ms=60_000)
    assert refused.why == "the run is failed"
    assert finish(engine, in_flight, ok(0), ok(1))
    later = runs.get(engine, run.id)
    assert (later.status, later.records_processed, later.records_failed, later.finished_ms) == (Status.FAILED, 4, 2, ended.finished_ms)


def test_a_run_that_was_stopped_early_goes_on_with_all_that_is_open_when_it_is_retried(engine, make_run):
    run = make_run().records(2).batches_of(1).spec(failurePolicy={"stopEarly": True}).published()
    finish(engine, run.claimed(0), failed(0))
    assert runs.get(engine, run.id).status is Status.FAILED
    assert retrying.retry_failed(engine, run.id, "one") == 1
    assert finish(engine, run.claimed(0, attempt=2), ok(0))
    assert finish(engine, run.claimed(1), ok(0))
    assert runs.get(engine, run.id).status is Status.COMPLETED


def test_a_changed_failure_policy_is_the_one_that_judges(engine, make_run):
    run = make_run().records(2).batches_of(2).published()
    changes.set_changeable(engine, run.id, {"failurePolicy": {"maxFailedPercent": 50}})
    finish(engine, run.claimed(), ok(0), failed(1))
    assert runs.get(engine, run.id).status is Status.COMPLETED


def test_what_may_be_repeated_comes_back_after_its_time(engine, make_run):
    run = make_run().records(2).batches_of(2).published()
    assert finish(engine, run.claimed(), ok(0), retryable(1), retry_after_ms=20_000)
    (early,) = claims.claim(engine, [run.request(attempt=2)], lease_ms=1000)
    assert isinstance(early, Early)
    assert 19_000 < early.remaining_ms <= 20_000
    assert run.column("records_processed") == 1
    assert errors(engine, run) == [(1, False, "PortalUnavailable", "502")]


def test_a_delivered_record_stays_delivered_and_is_counted_once(engine, make_run):
    run = make_run().records(2).batches_of(2).published()
    finish(engine, run.claimed(), ok(0), retryable(1), crm_ids={"0.p0": "11"})
    again = run.claimed(attempt=2)
    assert finish(engine, again, failed(0), ok(1), crm_ids={"1.p0": "12"})
    assert run.batch_column("outcomes") == [1, 1]
    assert run.batch_column("crm_ids") == {"0.p0": "11", "1.p0": "12"}
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.records_processed, ended.records_failed) == (Status.COMPLETED, 2, 0)


def test_ids_found_before_a_record_was_whole_are_kept(engine, make_run):
    run = make_run().published()
    finish(engine, run.claimed(), RecordResult(index=0, outcome=Outcome.PENDING), crm_ids={"0.c": "1"})
    finish(engine, run.claimed(attempt=2), ok(0), crm_ids={"0.p0": "2"})
    assert run.batch_column("crm_ids") == {"0.c": "1", "0.p0": "2"}


def test_the_try_that_reaches_the_limit_fails_the_record(engine, make_run):
    run = make_run().spec(retries={"limit": 2}).published()
    finish(engine, run.claimed(), retryable(0))
    finish(engine, run.claimed(attempt=2), retryable(0, counts=False))  # a 429: no try of the record's own
    assert runs.get(engine, run.id).records_failed == 0
    finish(engine, run.claimed(attempt=3), retryable(0))
    assert runs.get(engine, run.id).records_failed == 1
    assert errors(engine, run)[-1] == (0, True, "RetriesExhausted", "2 tries; the last: 502")


def test_a_raised_limit_counts_from_the_next_finish(engine, make_run):
    run = make_run().spec(retries={"limit": 1}).published()
    changes.set_changeable(engine, run.id, {"retries": {"limit": 3}})
    finish(engine, run.claimed(), retryable(0))
    assert runs.get(engine, run.id).records_failed == 0


def test_a_finish_repeated_is_refused_and_counts_nothing(engine, make_run):
    run = make_run().records(2).published()
    claimed = run.claimed(0)
    assert finishes.finish(engine, [run.delivered(claimed), run.delivered(claimed)]) == [True, False]
    assert finishes.finish(engine, [run.delivered(claimed)]) == [False]
    assert run.column("records_processed") == 1


def test_a_finish_without_results_gives_the_batch_back(engine, make_run):
    run = make_run().published()
    assert finish(engine, run.claimed())
    assert run.claimed(attempt=2).crashes == 0


def test_a_message_that_postgres_cannot_store_is_stored_readably(engine, make_run):
    run = make_run().published()
    assert finish(engine, run.claimed(), failed(0, message="nul \x00 " + "x" * 5000))
    ((_, _, _, message),) = errors(engine, run)
    assert message.startswith("nul � xxx")
    assert len(message) == MAX_MESSAGE


def test_half_a_character_in_a_message_keeps_no_batch_from_being_finished(engine, make_run):
    run = make_run().published()
    assert finish(engine, run.claimed(), failed(0, message="cut in the middle: \ud83d"))
    ((_, _, _, message),) = errors(engine, run)
    assert message == "cut in the middle: ?"


def told_of(engine, run):
    """All that a finish leaves behind."""
    progress.fold(engine)
    batch = {name: run.batch_column(name) for name in ("state", "outcomes", "delivered_offsets", "crm_ids", "not_before", "crashes")}
    return batch, {name: run.column(name) for name in ("status", "records_processed", "delivered", "lateness")}


def test_said_of_the_batch_or_of_each_record_it_comes_to_the_same(engine, make_run):
    """Two ways through the statement."""
    moments = make_run().due_at(0, 100, 2_000_000).batches_of(2).started_ms_ago(60_000)
    at_once, one_by_one = moments.published(), make_run().due_at(0, 100, 2_000_000).batches_of(2).started_ms_ago(60_000).published()
    ids = {"0.p0": "11", "1.p0": "12"}
    whole, each = at_once.claimed(), one_by_one.claimed()
    assert finish(engine, whole, rest_delivered_ms=whole.run.start_ms + 1_100, crm_ids=ids)
    assert finish(engine, each, *(ok(index, delivered_ms=each.run.start_ms + 1_100) for index in range(2)), crm_ids=ids)
    assert told_of(engine, at_once) == told_of(engine, one_by_one)
    assert told_of(engine, at_once)[0]["outcomes"] == [1, 1]


def test_the_rest_is_what_is_open_and_not_named(engine, make_run):
    run = make_run().records(5).batches_of(5).published()
    start = run.claimed().run.start_ms
    claims.release(engine, [Fence(run.id, 0, 1)])
    assert finish(engine, run.claimed(attempt=2), failed(0), ok(1, delivered_ms=start + 7))
    assert finish(engine, run.claimed(attempt=3), retryable(2), rest_delivered_ms=start + 9, retry_after_ms=1)
    assert run.batch_column("outcomes") == [2, 1, 0, 1, 1]
    assert run.batch_column("delivered_offsets") == [None, 7, None, 9, 9]
    assert run.batch_column("tries") == [0, 0, 1, 0, 0]
    assert run.column("records_processed") == 3


def test_delivered_times_are_kept_as_offsets_and_lateness_is_against_the_records_own_time(engine, make_run):
    run = make_run().due_at(0, 100).batches_of(2).started_ms_ago(60_000).published()
    claimed = run.claimed()
    start = claimed.run.start_ms
    finish(engine, claimed, ok(0, delivered_ms=start + 1100), ok(1, delivered_ms=start + 1100))
    assert run.batch_column("delivered_offsets") == [1100, 1100]
    progress.fold(engine)
    (shown,) = progress.progress(engine, [run.id])
    assert 1000 <= shown.lateness_p99_ms <= 1300
    assert shown.delivered == [2] + [0] * 39


@pytest.mark.parametrize(("guard", "accepted"), [(finishes.GUARD, False), ("true", True)])
def test_the_guard_is_what_refuses_an_old_fence(engine, make_run, guard, accepted):
    """Once as it is, and once with the guard broken on purpose."""
    run = make_run().published()
    old = run.claimed()
    run.lease_runs_out()
    run.claimed(attempt=2)
    with transaction(engine) as connection:
        group = grouped([old.fence])
        places = connection.scalar(text(finish_statement(guard)), parameters(group, [run.delivered(old)]))
    assert group.told(places) == [accepted]


def test_a_failing_group_is_finished_one_by_one(engine, make_run, caplog):
    healthy, broken = make_run().published(), make_run().published()
    good, bad = healthy.claimed(), broken.claimed()
    overflow = Finish(fence=bad.fence, results=[ok(0, delivered_ms=2**62)])
    assert finishes.finish(engine, [overflow, Finish(fence=bad.fence, results=[]), healthy.delivered(good)]) == [False, True, True]
    assert "finishing one by one" in caplog.text
    assert healthy.column("status") == "COMPLETED"
