"""Once suspend, cancel or delete returned, no claim of the run commits; what was claimed before drains and is counted."""

from __future__ import annotations

import threading

from sqlalchemy import text

from simulation_core.ledger import claims, control, finishes, runs
from simulation_core.ledger.claims import CLAIM
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.holding import HOLD_RUN, SHARE_RUNS
from simulation_core.ledger.values import Early, Refused, RunState, Status

LEASE_MS = 60_000
BOUNDS = {"lease_ms": LEASE_MS, "missed_after_ms": 60_000}


def claims_seen_by_suspend(engine, run, hold, waits):
    """Interleaves by force: a claim holds its locks, uncommitted, while suspend runs. `waits(thread)`: it waits, or it has returned."""
    left = []
    with transaction(engine) as connection:
        connection.execute(text(hold), {"simulations": [run.id]})
        claimed = connection.execute(text(CLAIM), {**grouped([run.request()]).parameters, **BOUNDS})
        assert claimed.mappings().one()["is_claimed"]
        waits(lambda: left.append(control.suspend(engine, run.id)))
    return left


def test_suspend_waits_for_a_claim_under_way_and_counts_it(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().published()
    threads = []

    def waits(suspend):
        threads.append(in_thread(suspend))
        until(lambda: waiting_backends() == 1)

    left = claims_seen_by_suspend(engine, run, SHARE_RUNS, waits)
    threads[0].join(10)
    assert left == [1]
    assert runs.get(engine, run.id).status is Status.RUNNING  # draining


def test_without_sharing_the_run_a_claim_commits_after_suspend_returned(engine, make_run, in_thread, waiting_backends, until):
    """The guarantee broken on purpose: the same interleaving, the lock taken out."""
    run = make_run().published()
    with transaction(engine) as connection:  # as if a claim had been made before, so that suspend has no row of the run to wait for
        connection.execute(text("UPDATE simulations SET status = 'RUNNING' WHERE id = :id"), {"id": run.id})
    left = claims_seen_by_suspend(engine, run, "SELECT CAST(:simulations AS uuid[])", lambda suspend: in_thread(suspend).join(10))
    assert left == [0]  # it saw no claim
    assert run.batch_column("state") == 1  # and yet there is one


def test_a_suspension_gets_its_turn_though_there_is_no_instant_without_a_claim(engine, make_run, in_thread):
    """Each of eight lets go of the run only once another holds it as well: whoever waited for none to hold it would wait for ever."""
    run = make_run().published()
    over, changed, entered = threading.Event(), threading.Condition(), [0]

    def claim_without_a_pause():
        while not over.is_set():
            with transaction(engine) as connection:
                connection.execute(text(SHARE_RUNS), {"simulations": [run.id]})
                with changed:
                    entered[0] += 1
                    mine = entered[0]
                    changed.notify_all()
                    changed.wait_for(lambda mine=mine: entered[0] > mine, 1.0)  # in vain where others queue behind a change

    threads = [in_thread(claim_without_a_pause) for _ in range(8)]
    try:
        with changed:
            assert changed.wait_for(lambda: entered[0] > 20, 10)
        suspension = in_thread(lambda: control.suspend(engine, run.id))
        suspension.join(10)
        assert not suspension.is_alive()
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


def test_a_claim_that_waited_for_suspend_is_refused(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().published()
    results = []
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        connection.execute(text("UPDATE simulation_control SET run_state = 'SUSPENDED' WHERE simulation_id = :id"), {"id": run.id})
        claim = in_thread(lambda: results.extend(claims.claim(engine, [run.request()], lease_ms=LEASE_MS)))
        until(lambda: waiting_backends() == 1)
    claim.join(10)
    assert [result.why for result in results] == ["the run is suspended"]
    assert run.batch_column("attempt") == 0


def test_a_claim_that_waited_for_a_resume_sees_its_shift(engine, make_run, in_thread, waiting_backends, until):
    """In one statement its snapshot would be older than the resume, and the batch an hour early."""
    run = make_run().published()
    results = []
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        connection.execute(
            text("UPDATE simulation_control SET changed_at = statement_timestamp() WHERE simulation_id = :id"), {"id": run.id}
        )
        connection.execute(text("UPDATE simulations SET shift_milliseconds = 3600000 WHERE id = :id"), {"id": run.id})
        claim = in_thread(lambda: results.extend(claims.claim(engine, [run.request()], lease_ms=LEASE_MS)))
        until(lambda: waiting_backends() == 1)
    claim.join(10)
    assert isinstance(results[0], Early)


def test_no_renewal_commits_after_suspend_returned(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().published()
    claimed = run.claimed()
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        connection.execute(text("UPDATE simulation_control SET run_state = 'SUSPENDED' WHERE simulation_id = :id"), {"id": run.id})
        results = []
        renewal = in_thread(lambda: results.extend(claims.renew(engine, [claimed.fence], LEASE_MS)))
        until(lambda: waiting_backends() == 1)
    renewal.join(10)
    assert results == [False]


def test_what_was_claimed_before_a_suspension_drains_and_is_counted(engine, make_run):
    run = make_run().records(2).published()
    claimed = run.claimed(0)
    assert control.suspend(engine, run.id) == 1
    assert control.settle(engine) == []
    assert finishes.finish(engine, [run.delivered(claimed)]) == [True]
    assert control.settle(engine) == [run.id]
    assert control.settle(engine) == []
    suspended = runs.get(engine, run.id)
    assert (suspended.status, suspended.records_processed) == (Status.SUSPENDED, 1)


def test_expired_claims_do_not_keep_a_run_from_being_suspended(engine, make_run):
    run = make_run().records(2).published()
    late = run.claimed(0)
    control.suspend(engine, run.id)
    run.lease_runs_out(0)
    assert control.settle(engine) == [run.id]
    assert finishes.finish(engine, [run.delivered(late)]) == [True]
    assert run.column("records_processed") == 1


def test_the_last_finish_of_a_suspended_run_completes_it(engine, make_run):
    run = make_run().published()
    claimed = run.claimed()
    control.suspend(engine, run.id)
    finishes.finish(engine, [run.delivered(claimed)])
    assert runs.get(engine, run.id).status is Status.COMPLETED
    assert control.settle(engine) == []


def test_resume_goes_on_where_the_run_was(engine, make_run):
    never_claimed, claimed_once = make_run().records(2).published(), make_run().records(2).published()
    finishes.finish(engine, [claimed_once.delivered(claimed_once.claimed(0))])
    for run in (never_claimed, claimed_once):
        assert control.suspend(engine, run.id) == 0
        assert runs.get(engine, run.id).status is Status.SUSPENDED
        assert control.resume(engine, run.id) == 0
    assert runs.get(engine, never_claimed.id).status is Status.QUEUED
    assert runs.get(engine, claimed_once.id).status is Status.RUNNING
    assert claimed_once.claimed(1)


def test_resume_during_draining_is_running_at_once(engine, make_run):
    run = make_run().records(2).published()
    run.claimed(0)
    control.suspend(engine, run.id)
    assert control.resume(engine, run.id) == 1
    resumed = runs.get(engine, run.id)
    assert (resumed.status, resumed.run_state) == (Status.RUNNING, RunState.RUNNING)
    assert control.settle(engine) == []


def test_a_cancelled_run_stays_cancelled_whatever_finishes(engine, make_run):
    run = make_run().published()
    claimed = run.claimed()
    assert control.cancel(engine, run.id) == 1
    assert finishes.finish(engine, [run.delivered(claimed)]) == [True]
    assert control.settle(engine) == [run.id]
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.records_processed) == (Status.CANCELLED, 1)
    assert control.resume(engine, run.id) == 0
    assert runs.get(engine, run.id).run_state is RunState.CANCELLED


def test_cancelling_what_completed_changes_nothing(engine, make_run):
    run = make_run().published()
    finishes.finish(engine, [run.delivered(run.claimed())])
    control.cancel(engine, run.id)
    assert runs.get(engine, run.id).status is Status.COMPLETED


def test_a_finish_after_deletion_is_harmless_and_counted(engine, make_run):
    run = make_run().records(2).published()
    claimed = run.claimed(0)
    assert control.delete(engine, run.id) == 1
    assert finishes.finish(engine, [run.delivered(claimed)]) == [True]
    (refused,) = claims.claim(engine, [run.request(1)], lease_ms=LEASE_MS)
    assert isinstance(refused, Refused)
    assert control.settle(engine) == [run.id]
    gone = runs.get(engine, run.id)
    assert (gone.status, gone.records_processed) == (Status.CANCELLED, 1)
    assert gone.deleted_ms is not None
    assert runs.not_deleted(engine) == []


def test_settling_waits_for_a_resume_under_way(engine, make_run, in_thread, waiting_backends, until):
    """Otherwise it would write SUSPENDED over a run that is on again."""
    run = make_run().records(2).published()
    claimed = run.claimed(0)
    control.suspend(engine, run.id)
    finishes.finish(engine, [run.delivered(claimed)])
    settled = []
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        connection.execute(text("UPDATE simulation_control SET run_state = 'RUNNING' WHERE simulation_id = :id"), {"id": run.id})
        settling = in_thread(lambda: settled.extend(control.settle(engine)))
        until(lambda: waiting_backends() == 1)
    settling.join(10)
    assert settled == []
    assert runs.get(engine, run.id).status is Status.RUNNING


def test_two_groups_that_cross_wait_for_each_other_in_one_order(engine, make_run, in_thread, waiting_backends, until):
    """The lock order as it is: the second group waits at the lowest run, so it holds nothing the first still needs."""
    low, high = make_run().with_id(1).published(), make_run().with_id(2).published()
    results = []
    crossing = {**grouped([high.request(), low.request()]).parameters, **BOUNDS}
    with transaction(engine) as connection:
        connection.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR UPDATE"), {"id": low.id})
        group = in_thread(lambda: results.extend(claims.claim(engine, [high.request(), low.request()], lease_ms=LEASE_MS)))
        until(lambda: waiting_backends() == 1)
        # Nobody holds the higher one yet: had the group locked in the order given, this would close a circle.
        connection.execute(text("SET LOCAL lock_timeout = 2000"))
        rows = connection.execute(text(CLAIM), crossing).mappings().all()
        assert all(row["is_claimed"] for row in rows)
    group.join(10)
    assert [result.why for result in results] == ["the job is stale"] * 2


def test_a_change_of_one_run_does_not_hold_up_others(engine, make_run):
    stopped, other = make_run().with_id(1).published(), make_run().with_id(2).published()  # runs of two locks
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": stopped.id})
        connection.execute(text("UPDATE simulation_control SET run_state = 'SUSPENDED' WHERE simulation_id = :id"), {"id": stopped.id})
        assert other.claimed()
