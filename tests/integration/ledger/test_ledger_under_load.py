"""Many workers at once: counters stay exact, nothing deadlocks, every record is counted once."""

from __future__ import annotations

import random
import threading

from sqlalchemy import text

from simulation_core.ledger import claims, control, finishes, progress, runs
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
