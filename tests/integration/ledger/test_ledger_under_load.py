"""Many workers at once: counters stay exact, nothing deadlocks, every record is counted once."""

from __future__ import annotations

import random
import threading

from sqlalchemy import text

from simulation_core.ledger import claims, control, dispatch, finishes, missed, progress, runs, skipping
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Claimed, Status

THREADS = 8


def all_at_once(work):
    failures = []
    barrier = threading.Barrier(THREADS)

    def guarded(number):
        try:
            barrier.wait(10)
            work(random.Random(number))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_counters_are_exact_when_eight_threads_finish_everything_repeatedly(engine, make_run, caplog):
    made = [make_run().records(60).batches_of(5).published() for _ in range(4)]
    requests = [run.request(batch) for run in made for batch in range(12)]
    claimed = claims.claim(engine, requests, lease_ms=60_000)
    assert all(isinstance(result, Claimed) for result in claimed)
    ended = []

    def work(choice):
        mine = claimed * 2
        choice.shuffle(mine)
        for begin in range(0, len(mine), 7):
            group = mine[begin : begin + 7]
            told = finishes.finish(engine, [made[0].delivered(one) for one in group])
            ended.extend(one.fence for one, done in zip(group, told, strict=True) if done)
            progress.fold(engine, limit=3)

    all_at_once(work)
    assert sorted(map(repr, ended)) == sorted(repr(one.fence) for one in claimed)  # each exactly once
    for run in made:
        ended_run = runs.get(engine, run.id)
        assert (ended_run.status, ended_run.records_processed) == (Status.COMPLETED, 60)
    while progress.fold(engine):
        pass
    assert [sum(shown.delivered) for shown in progress.progress(engine, [run.id for run in made])] == [60] * 4
    assert caplog.text == ""  # no group had to fall back: no deadlock


def test_groups_that_cross_do_not_deadlock(engine, make_run, caplog):
    """Claims, renewals, finishes, folds and suspensions over the same runs, each thread in an order of its own."""
    made = [make_run().records(40).published() for _ in range(5)]

    def work(choice):
        requests = [run.request(batch) for run in made for batch in range(40)]
        choice.shuffle(requests)
        for begin in range(0, len(requests), 20):
            got = [result for result in claims.claim(engine, requests[begin : begin + 20], lease_ms=60_000) if isinstance(result, Claimed)]
            choice.shuffle(got)
            claims.renew(engine, [one.fence for one in got], 60_000)
            run = choice.choice(made)
            control.suspend(engine, run.id)
            control.settle(engine)
            control.resume(engine, run.id)
            finishes.finish(engine, [made[0].delivered(one) for one in got])
            progress.fold(engine, limit=50)

    all_at_once(work)
    assert caplog.text == ""
    with transaction(engine) as connection:
        rows = connection.execute(
            text("""
                SELECT s.records_processed, (SELECT count(*) FROM batches b WHERE b.simulation_id = s.id AND b.state = 2) AS done
                FROM simulations s
            """)
        ).all()
    assert [processed for processed, _ in rows] == [done for _, done in rows]


def test_counters_stay_exact_while_records_are_missed_judged_and_skipped(engine, make_run, caplog, until):
    """Claims, finishes, suspensions, resumes, judgements and sweeps over the same runs; then what is left is delivered."""
    policies = ("Skip", "Shift", "Skip", "Shift", "CatchUp")
    made = [make_run().spec(missedRecords=each).started_ms_ago(0).due_at(*range(1_000, 1_060)).published() for each in policies]
    for run in made:
        run.away_for(1_020)

    def work(choice):
        requests = [run.request(batch) for run in made for batch in range(60)]
        choice.shuffle(requests)
        for begin in range(0, len(requests), 20):
            got = claims.claim(engine, requests[begin : begin + 20], lease_ms=60_000, missed_after_ms=10)
            claimed = [result for result in got if isinstance(result, Claimed)]
            run = choice.choice(made)
            control.suspend(engine, run.id)
            control.settle(engine)
            control.resume(engine, run.id)
            skipping.sweep(engine, choice.choice(made).id, limit=3)
            missed.judge_running(engine, missed_after_ms=choice.randrange(20))
            choice.shuffle(claimed)
            finishes.finish(engine, [made[0].delivered(one) for one in claimed])
            progress.fold(engine, limit=50)

    def the_rest_is_done():
        missed.judge_running(engine, missed_after_ms=10)
        for run in made:
            control.resume(engine, run.id)  # where the last suspension won
            skipping.sweep(engine, run.id)
        offers = dispatch.overdue(engine, "default", limit=1_000)
        requests = [run.request(offer.batch, offer.attempt) for offer in offers for run in made if run.id == offer.simulation_id]
        got = claims.claim(engine, requests, lease_ms=60_000)
        finishes.finish(engine, [made[0].delivered(one) for one in got if isinstance(one, Claimed)])
        return all(runs.get(engine, run.id).status is Status.COMPLETED for run in made)

    all_at_once(work)
    until(the_rest_is_done)
    assert caplog.text == ""  # no group had to fall back: no deadlock
    with transaction(engine) as connection:
        counted = """
            SELECT s.records_processed, s.records_skipped, s.total_records, s.spec ->> 'missedRecords',
                   (SELECT count(*) FROM batches b WHERE b.simulation_id = s.id AND b.outcomes = '{1}') AS delivered,
                   (SELECT count(*) FROM batches b WHERE b.simulation_id = s.id AND b.outcomes = '{3}') AS skipped
            FROM simulations s
        """
        for processed, skipped, total, policy, delivered_batches, skipped_batches in connection.execute(text(counted)):
            assert (processed, skipped) == (delivered_batches, skipped_batches)
            assert processed + skipped == total
            assert skipped == 0 or policy == "Skip"
        assert connection.scalar(text("SELECT sum(records_skipped) FROM simulations")) > 0
    while progress.fold(engine):
        pass
    assert [sum(run.column("lateness")[:1]) for run in made] == [0] * len(made)  # nothing early
