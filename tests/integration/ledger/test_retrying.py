"""Failed records once more: counters stay exact whatever is finished meanwhile, and what ended goes on."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from simulation_core.ledger import claims, control, finishes, progress, retrying, runs
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Finish, Outcome, RecordResult, RunState, Status
from simulation_core.reasons import Reason


def fail(engine, claimed, *indexes, deliver_rest=True):
    failed = [RecordResult(index=index, outcome=Outcome.FAILED, reason=Reason.RECORD_REJECTED, message="no") for index in indexes]
    rest = claimed.claimed_ms if deliver_rest else None
    assert finishes.finish(engine, [Finish(claimed.fence, results=failed, rest_delivered_ms=rest)]) == [True]


def deliver(engine, claimed):
    return finishes.finish(engine, [Finish(claimed.fence, rest_delivered_ms=claimed.claimed_ms)]) == [True]


def counts(engine, run):
    found = runs.get(engine, run.id)
    return found.records_processed, found.records_failed, found.records_skipped


@pytest.mark.parametrize(("allowed", "ended"), [(0, Status.FAILED), (100, Status.COMPLETED)])
def test_an_ended_run_goes_on_with_what_failed_and_ends_again(engine, make_run, allowed, ended):
    run = make_run().records(5).batches_of(3).spec(failurePolicy={"maxFailedPercent": allowed}).published()
    fail(engine, run.claimed(0), 1)
    fail(engine, run.claimed(1), 0, 1)
    assert runs.get(engine, run.id).status is ended
    assert retrying.retry_failed(engine, run.id, "one") == 3
    found = runs.get(engine, run.id)
    assert (found.status, found.reason, found.message, found.finished_ms, found.retry_token) == (Status.RUNNING, None, None, None, "one")
    assert counts(engine, run) == (2, 0, 0)
    again = run.claimed(0, attempt=2)
    assert again.outcomes == [Outcome.DELIVERED, Outcome.PENDING, Outcome.DELIVERED]
    assert deliver(engine, again)
    assert deliver(engine, run.claimed(1, attempt=2))
    found = runs.get(engine, run.id)
    assert (found.status, counts(engine, run)) == (Status.COMPLETED, (5, 0, 0))
    assert found.finished_ms is not None


def test_its_tries_begin_anew_and_its_failure_is_shown_no_more(engine, make_run):
    run = make_run().records(1).spec(retries={"limit": 1}).published()
    tried = RecordResult(index=0, outcome=Outcome.PENDING, counts_as_try=True, reason=Reason.PORTAL_UNAVAILABLE)
    finishes.finish(engine, [Finish(run.claimed().fence, results=[tried])])
    assert runs.get(engine, run.id).status is Status.FAILED
    assert len(progress.progress(engine, [run.id])[0].failures) == 1
    retrying.retry_failed(engine, run.id, "one")
    assert progress.progress(engine, [run.id])[0].failures == []
    assert list(run.claimed(attempt=2).tries) == [0]


@pytest.mark.parametrize("stop", [control.cancel, control.delete])
def test_what_was_ended_for_good_stays_ended(engine, make_run, stop):
    run = make_run().records(2).batches_of(1).published()
    fail(engine, run.claimed(0), 0)
    stop(engine, run.id)
    assert retrying.retry_failed(engine, run.id, "one") == 0
    found = runs.get(engine, run.id)
    assert (found.status, found.records_failed, found.retry_token) == (Status.CANCELLED, 1, "one")


def test_a_suspended_run_stays_suspended_until_it_is_resumed(engine, make_run):
    run = make_run().records(2).batches_of(1).published()
    fail(engine, run.claimed(0), 0)
    control.suspend(engine, run.id)
    assert retrying.retry_failed(engine, run.id, "one") == 1
    control.settle(engine)
    found = runs.get(engine, run.id)
    assert (found.status, found.run_state) == (Status.SUSPENDED, RunState.SUSPENDED)


def test_whoever_delivers_a_batch_with_failed_records_loses_it_rather_than_count_them_as_delivered(engine, make_run):
    run = make_run().records(2).batches_of(2).published()
    fail(engine, run.claimed(), 0, deliver_rest=False)
    held = run.claimed(attempt=2)
    assert held.outcomes == [Outcome.FAILED, Outcome.PENDING]
    assert retrying.retry_failed(engine, run.id, "one") == 1
    assert not deliver(engine, held)
    assert claims.renew(engine, [held.fence], 1000) == [False]
    assert counts(engine, run) == (0, 0, 0)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE batches SET not_before = NULL"))
    assert deliver(engine, run.claimed(attempt=4))
    assert counts(engine, run) == (2, 0, 0)


def test_in_many_transactions_it_comes_by_each_failure_once(engine, make_run):
    run = make_run().records(7).batches_of(1).published()
    for number in range(7):
        fail(engine, run.claimed(number), 0)
    assert retrying.retry_failed(engine, run.id, "one", limit=2) == 7
    assert counts(engine, run) == (0, 0, 0)


def meanwhile(monkeypatch, step, work):
    """After this step of the next retry, which holds what it holds by then."""
    done = getattr(retrying, step)

    def then_work(*given):
        answer = done(*given)
        monkeypatch.setattr(retrying, step, done)
        work()
        return answer

    monkeypatch.setattr(retrying, step, then_work)


@pytest.mark.parametrize("step", ["_find", "_lock"])
def test_claims_renewals_and_finishes_go_on_meanwhile(engine, make_run, in_thread, monkeypatch, step):
    """Of a large run a retry takes seconds, and a worker has one thread that claims."""
    run = make_run().records(3).batches_of(1).published()
    fail(engine, run.claimed(0), 0)
    held = run.claimed(1)
    went_on = []

    def work():
        thread = in_thread(lambda: went_on.extend([run.claimed(2).fence, claims.renew(engine, [held.fence], 1000), deliver(engine, held)]))
        thread.join(10)

    meanwhile(monkeypatch, step, work)
    assert retrying.retry_failed(engine, run.id, "one") == 1
    assert went_on[1:] == [[True], True]


def test_what_fails_behind_its_back_is_the_next_retrys(engine, make_run, monkeypatch):
    run = make_run().records(3).batches_of(1).published()
    fail(engine, run.claimed(1), 0)
    meanwhile(monkeypatch, "_find", lambda: fail(engine, run.claimed(0), 0))
    assert retrying.retry_failed(engine, run.id, "one") == 1
    assert (counts(engine, run), runs.get(engine, run.id).retried_records) == ((0, 1, 0), 1)
    assert retrying.retry_failed(engine, run.id, "two") == 1
    assert counts(engine, run) == (0, 0, 0)


def test_what_another_retry_was_faster_with_is_not_counted_twice(engine, make_run, monkeypatch):
    run = make_run().records(3).batches_of(1).published()
    for number in range(2):
        fail(engine, run.claimed(number), 0)
    meanwhile(monkeypatch, "_find", lambda: retrying.retry_failed(engine, run.id, "one"))
    assert retrying.retry_failed(engine, run.id, "two") == 0
    found = runs.get(engine, run.id)
    assert (counts(engine, run), found.retry_token, found.retried_records) == ((0, 0, 0), "two", 0)


def test_counters_are_exact_however_finishes_and_retries_meet(engine, make_run):
    run = make_run().records(60).batches_of(3).spec(failurePolicy={"maxFailedPercent": 100}).published()
    tokens = iter(range(10_000))
    over = threading.Event()

    def work(first: int) -> None:
        for number in range(first, 20, 2):
            fail(engine, run.claimed(number), 1)

    def retry() -> None:
        while not over.is_set():
            retrying.retry_failed(engine, run.id, str(next(tokens)))

    retrier = threading.Thread(target=retry)
    workers = [threading.Thread(target=work, args=(first,)) for first in (0, 1)]
    for thread in (retrier, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    over.set()
    retrier.join()
    retrying.retry_failed(engine, run.id, "last")
    assert counts(engine, run) == (40, 0, 0)
    for number in range(20):
        assert deliver(engine, run.claimed(number, attempt=2))
    assert (runs.get(engine, run.id).status, counts(engine, run)) == (Status.COMPLETED, (60, 0, 0))
