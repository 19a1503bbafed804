"""A batch is claimed by one worker, when it is due by Postgres's clock, and belongs to it until its lease ends."""

from __future__ import annotations

import threading
import uuid

import pytest
from sqlalchemy import text

from simulation_core.ledger import claims, control, finishes, runs
from simulation_core.ledger.claims import CLAIM
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.values import Claimed, ClaimRequest, Early, Fence, Finish, Outcome, RecordResult, Refused, Status

LEASE_MS = 60_000


def claim(engine, *requests):
    return claims.claim(engine, requests, lease_ms=LEASE_MS)


def claim_parameters(*runs_claimed):
    return {**grouped([run.request() for run in runs_claimed]).parameters, "lease_ms": LEASE_MS, "missed_after_ms": 60_000}


def test_a_claim_tells_what_to_deliver(engine, make_run):
    run = make_run().due_at(0, 4, 9, 30).batches_of(3).published()
    claimed = run.claimed(0)
    start = claimed.run.start_ms
    assert (claimed.first_record, list(claimed.due_ms)) == (0, [start, start + 4, start + 9])
    assert (list(claimed.outcomes), list(claimed.tries), claimed.crashes) == ([Outcome.PENDING] * 3, [0, 0, 0], 0)
    assert claimed.fence.attempt == 1
    assert runs.get(engine, run.id).status is Status.RUNNING
    assert run.column("started_at") is not None


def test_results_come_in_the_order_asked_and_each_batch_once(engine, make_run):
    due, early = make_run().published(), make_run().due_at(10_000_000).published()
    unknown = ClaimRequest(simulation_id=uuid.uuid4(), batch=0, attempt=1)
    results = claim(engine, early.request(), unknown, due.request(), due.request())
    assert [type(result) for result in results] == [Early, Refused, Claimed, Refused]


def test_an_early_claim_learns_how_long_to_wait(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(5000).published()
    (result,) = claim(engine, run.request())
    assert isinstance(result, Early)
    assert 0 < result.remaining_ms <= 5000


def test_a_batch_is_due_at_its_last_record_not_before(engine, make_run):
    run = make_run().started_ms_ago(1000).due_at(0, 600_000).batches_of(2).published()
    (result,) = claim(engine, run.request())
    assert isinstance(result, Early)


def test_a_shift_moves_what_is_due_without_touching_batches(engine, make_run):
    run = make_run().published()
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET shift_milliseconds = 3600000 WHERE id = :id"), {"id": run.id})
    (result,) = claim(engine, run.request())
    assert isinstance(result, Early)
    assert 3_500_000 < result.remaining_ms <= 3_600_000


def test_of_eight_workers_at_once_one_gets_the_batch(engine, make_run):
    run = make_run().published()
    barrier = threading.Barrier(8)
    results = []

    def work():
        barrier.wait(10)
        results.extend(claim(engine, run.request()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(type(result).__name__ for result in results) == ["Claimed"] + ["Refused"] * 7
    assert run.batch_column("attempt") == 1


def test_a_claim_that_waited_for_another_sees_it(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().published()
    results = []
    with transaction(engine) as connection:
        assert connection.execute(text(CLAIM), claim_parameters(run)).mappings().one()["is_claimed"]
        second = in_thread(lambda: results.extend(claim(engine, run.request())))
        until(lambda: waiting_backends() == 1)
    second.join(10)
    assert [result.why for result in results] == ["the job is stale"]


def test_a_stale_job_is_refused(engine, make_run):
    run = make_run().published()
    claimed = run.claimed()
    claims.release(engine, [claimed.fence])
    assert [result.why for result in claim(engine, run.request(attempt=1))] == ["the job is stale"]
    assert run.claimed(attempt=2).fence.attempt == 2


def test_an_expired_claim_is_retaken_and_its_old_holder_is_locked_out(engine, make_run):
    run = make_run().records(2).batches_of(2).published()
    old = run.claimed()
    assert [result.why for result in claim(engine, run.request(attempt=2))] == ["the batch is claimed by another"]
    run.lease_runs_out()
    assert claims.renew(engine, [old.fence], LEASE_MS) == [False]
    new = run.claimed(attempt=2)
    assert new.crashes == 1
    assert claims.renew(engine, [old.fence, new.fence], LEASE_MS) == [False, True]
    assert claims.release(engine, [old.fence]) == [False]
    assert finishes.finish(engine, [run.delivered(old), run.delivered(new)]) == [False, True]
    assert run.column("records_processed") == 2


def test_renewing_moves_the_lease(engine, make_run):
    run = make_run().published()
    claimed = run.claimed(lease_ms=1000)
    before = run.batch_column("lease_until")
    assert claims.renew(engine, [claimed.fence], 90_000) == [True]
    assert run.batch_column("lease_until") > before


def test_a_claim_is_adopted_by_whoever_goes_on_with_it(engine, make_run):
    run = make_run().due_at(0, 4, 9).batches_of(3).published()
    finishes.finish(engine, [Finish(run.claimed().fence, [RecordResult(index=1, outcome=Outcome.DELIVERED)])])
    held = run.claimed(attempt=2, lease_ms=1000)
    before = run.batch_column("lease_until")
    with transaction(engine) as connection:  # the plan moves while it is delivered
        connection.execute(text("UPDATE simulations SET shift_milliseconds = 3600000 WHERE id = :id"), {"id": run.id})
    adopted = claims.adopt(engine, held.fence, lease_ms=90_000)
    assert adopted == held._replace(run=runs.get(engine, run.id), claimed_ms=adopted.claimed_ms, lease_ms=90_000)
    assert adopted.claimed_ms >= held.claimed_ms
    assert run.batch_column("lease_until") > before
    assert finishes.finish(engine, [run.delivered(adopted)]) == [True]


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_claim_that_is_lost_is_not_adopted(engine, make_run, attempt):
    run = make_run().published()
    run.claimed()
    run.lease_runs_out()
    run.claimed(attempt=2)
    run.lease_runs_out()
    assert claims.adopt(engine, Fence(run.id, 0, attempt), lease_ms=LEASE_MS) is None


def test_of_a_suspended_run_nothing_is_adopted(engine, make_run):
    run = make_run().published()
    held = run.claimed()
    control.suspend(engine, run.id)
    assert claims.adopt(engine, held.fence, lease_ms=LEASE_MS) is None


def test_a_released_batch_is_no_crash_and_waits_as_told(engine, make_run):
    run = make_run().published()
    assert claims.release(engine, [run.claimed().fence], retry_after_ms=30_000) == [True]
    (result,) = claim(engine, run.request(attempt=2))
    assert isinstance(result, Early)
    assert 29_000 < result.remaining_ms <= 30_000
    assert run.batch_column("crashes") == 0


def test_a_finished_batch_is_not_claimed_again(engine, make_run):
    run = make_run().records(2).published()
    finishes.finish(engine, [run.delivered(run.claimed(0))])
    assert [result.why for result in claim(engine, run.request(0, attempt=2))] == ["the batch is done"]


def test_a_retried_batch_carries_what_was_reached(engine, make_run):
    run = make_run().records(3).batches_of(3).published()
    claimed = run.claimed()
    results = [
        RecordResult(index=0, outcome=Outcome.DELIVERED),
        RecordResult(index=1, outcome=Outcome.PENDING, counts_as_try=True, reason="PortalUnavailable"),
    ]
    assert finishes.finish(engine, [finishes.Finish(fence=claimed.fence, results=results)]) == [True]
    again = run.claimed(attempt=2)
    assert list(again.outcomes) == [Outcome.DELIVERED, Outcome.PENDING, Outcome.PENDING]
    assert list(again.tries) == [0, 1, 0]


def test_nothing_is_claimed_before_publication_or_after_the_end(engine, make_run):
    planning, cancelled = make_run().accepted(), make_run().published()
    from simulation_core.ledger import plans

    plans.store(engine, planning.id, planning.plan, 0)
    control.cancel(engine, cancelled.id)
    whys = [result.why for result in claim(engine, planning.request(), cancelled.request())]
    assert whys == ["the run is planning", "the run is cancelled"]


def test_due_is_judged_at_the_statement_not_at_the_transactions_start(engine, make_run, until):
    due, other = make_run().published(), make_run().published()
    with transaction(engine) as connection:
        connection.execute(text("SELECT 1"))  # the transaction begins, and with it what now() says
        for run in (due, other):  # both fall due just now, after the transaction began
            with transaction(engine) as another:
                another.execute(
                    text(
                        "UPDATE simulations SET start_time = date_trunc('milliseconds', clock_timestamp()) + interval '5 ms' WHERE id = :id"
                    ),
                    {"id": run.id},
                )
        until(lambda: connection.scalar(text("SELECT bool_and(start_time < clock_timestamp()) FROM simulations")))
        judged_by_now = text(CLAIM.replace("statement_timestamp()", "now()"))
        assert not connection.execute(judged_by_now, claim_parameters(other)).mappings().one()["is_claimed"]
        assert connection.execute(text(CLAIM), claim_parameters(due)).mappings().one()["is_claimed"]


def test_a_group_that_fails_falls_back_to_single_claims(engine, make_run, caplog):
    healthy, broken = make_run().published(), make_run().published()
    with transaction(engine) as connection:
        connection.execute(
            text("UPDATE batches SET crashes = 32767, state = 1, lease_until = 'epoch' WHERE simulation_id = :id"), {"id": broken.id}
        )
    results = claim(engine, broken.request(), healthy.request())
    assert [type(result) for result in results] == [Refused, Claimed]
    assert "claiming one by one" in caplog.text
