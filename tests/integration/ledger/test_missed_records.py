"""spec.missedRecords: what becomes of records that came due during a suspension, an outage, or before the run was accepted."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from simulation_core import clock
from simulation_core.ledger import backlog, changes, claims, control, dispatch, finishes, missed, plans, progress, runs, skipping
from simulation_core.ledger.claims import CLAIM, MISSED, SKIPPED_SOON
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.finishes import CLAIMED_SHIFT, finish_statement, parameters
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.holding import SHARE_RUNS
from simulation_core.ledger.sql import NEVER_BEGUN
from simulation_core.ledger.values import Claimed, Early, Finish, Outcome, RecordResult, Refused, Status
from simulation_core.plan.missed import ShiftBy, SkipUntil

LEASE_MS = 60_000
MINUTE_MS = 60_000
NEVER_MS = 10**12
SKIPPED_WHY = "the batch is being skipped"
MISSED_WHY = "the batch was missed; missedRecords decides"

# While a test runs, time goes on: what should be a moment may be this much later.
A_MOMENT_MS = 20_000


def outcome(run, batch, attempt=1, **options):
    """What a claim gets: Claimed, how many milliseconds it is early, or why it is refused."""
    (result,) = claims.claim(run.engine, [run.request(batch, attempt)], lease_ms=LEASE_MS, **options)
    match result:
        case Early(remaining_ms=remaining_ms):
            return remaining_ms
        case Refused(why=why):
            return why
    assert isinstance(result, Claimed)
    return Claimed


def sweep_all(run):
    """How many records were skipped."""
    return skipping.sweep(run.engine, run.id).records


def shown(run):
    return progress.progress(run.engine, [run.id])[0]


@pytest.fixture
def suspended_for_five_minutes(engine, make_run):
    """Two batches came due during the suspension, a minute from each other; a third is due in five minutes. Then it is resumed."""

    def build(policy):
        run = make_run().spec(missedRecords=policy).started_ms_ago(0).due_at(1_000, 61_000, 600_000).published()
        control.suspend(engine, run.id)
        run.away_for(300_000)
        control.resume(engine, run.id)
        return run

    return build


@pytest.fixture
def started_five_minutes_ago(make_run):
    """The same plan, whose startTime was five minutes ago when it was accepted."""
    return lambda policy: make_run().spec(missedRecords=policy).started_ms_ago(300_000).due_at(1_000, 61_000, 600_000).published()


@pytest.fixture
def out_for_five_minutes(engine, make_run):
    """The same plan, of which nobody claimed anything for five minutes; what was missed is judged afterwards."""

    def build(policy):
        run = make_run().spec(missedRecords=policy).started_ms_ago(0).due_at(1_000, 61_000, 600_000).published().away_for(300_000)
        missed.judge_running(engine)
        return run

    return build


WAYS_TO_MISS = ["suspended_for_five_minutes", "started_five_minutes_ago", "out_for_five_minutes"]


@pytest.mark.parametrize("way", WAYS_TO_MISS)
def test_catch_up_delivers_what_was_missed_at_once_and_leaves_the_plan(request, way):
    run = request.getfixturevalue(way)("CatchUp")
    assert [outcome(run, 0), outcome(run, 1)] == [Claimed, Claimed]
    assert 280_000 < outcome(run, 2) <= 300_000
    assert (run.column("shift_milliseconds"), run.column("skip_until")) == (0, None)


@pytest.mark.parametrize("way", WAYS_TO_MISS)
def test_skip_never_delivers_what_was_missed_and_leaves_the_plan(request, way):
    run = request.getfixturevalue(way)("Skip")
    assert [outcome(run, 0), outcome(run, 1)] == [SKIPPED_WHY] * 2
    assert sweep_all(run) == 2
    assert [outcome(run, 0), outcome(run, 1)] == ["the batch is done"] * 2
    assert 280_000 < outcome(run, 2) <= 300_000
    assert (run.batch_column("outcomes", 0), run.batch_column("outcomes", 2)) == ([3], None)
    swept = runs.get(run.engine, run.id)
    assert (swept.status, swept.records_skipped, swept.shift_ms) == (Status.RUNNING, 2, 0)


@pytest.mark.parametrize("way", WAYS_TO_MISS)
def test_shift_makes_the_earliest_due_at_once_and_keeps_all_distances(request, way):
    run = request.getfixturevalue(way)("Shift")
    assert outcome(run, 0) is Claimed
    assert MINUTE_MS - A_MOMENT_MS < outcome(run, 1) <= MINUTE_MS
    assert 599_000 - A_MOMENT_MS < outcome(run, 2) <= 599_000
    assert 299_000 <= run.column("shift_milliseconds") < 299_000 + A_MOMENT_MS
    assert (run.column("skip_until"), run.column("records_skipped")) == (None, 0)


# When it is judged


def test_nothing_happens_to_a_run_that_missed_nothing(engine, make_run):
    for policy in ("Skip", "Shift"):
        run = make_run().spec(missedRecords=policy).started_ms_ago(0).due_at(600_000).published()
        control.suspend(engine, run.id)
        control.resume(engine, run.id)
        assert (run.column("shift_milliseconds"), run.column("skip_until")) == (0, None)
    assert missed.judge_running(engine) == []


def test_what_fell_due_during_planning_is_late_and_not_missed(engine, make_run):
    """Accepted ten seconds ago, five seconds after the start; the plan is published only now."""
    skips = make_run().spec(missedRecords="Skip").started_ms_ago(5_000).due_at(4_000, 6_000).accepted().away_for(10_000)
    shifts = make_run().spec(missedRecords="Shift").started_ms_ago(5_000).due_at(6_000).accepted().away_for(10_000)
    for run in (skips, shifts):
        plans.store(engine, run.id, run.plan, 0)
        run.publish()
    assert [outcome(skips, 0), outcome(skips, 1)] == [SKIPPED_WHY, Claimed]
    assert (outcome(shifts, 0), shifts.column("shift_milliseconds")) == (Claimed, 0)


def test_a_plan_published_while_suspended_is_judged_by_the_resume(engine, make_run):
    run = make_run().spec(missedRecords="Shift", suspend=True).started_ms_ago(300_000).due_at(0).published()
    assert run.column("shift_milliseconds") == 0
    control.resume(engine, run.id)
    assert run.column("shift_milliseconds") >= 300_000


def test_a_run_resumed_before_its_plan_is_published_is_judged_by_the_publication(engine, make_run):
    run = make_run().spec(missedRecords="Skip", suspend=True).started_ms_ago(1_000).due_at(0, 500, 600_000).accepted()
    run.away_for(300_000)
    control.resume(engine, run.id)
    assert run.column("skip_until") is None
    plans.store(engine, run.id, run.plan, 0)
    run.publish()
    assert sweep_all(run) == 2


def test_the_newest_policy_counts(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(1_000).published()
    control.suspend(engine, run.id)
    run.away_for(300_000)
    changes.set_changeable(engine, run.id, {"missedRecords": "Skip"})
    control.resume(engine, run.id)
    assert sweep_all(run) == 1


def test_an_outage_is_one_only_after_a_minute(engine, make_run):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published()
    run.away_for(MINUTE_MS - A_MOMENT_MS)
    assert missed.judge_running(engine) == []
    assert outcome(run, 0) is Claimed


def test_skipping_an_outage_leaves_what_is_less_than_a_minute_late(engine, make_run):
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000, 2_000, 250_000).published().away_for(300_000)
    (judged,) = missed.judge_running(engine)
    assert isinstance(judged.missed.action, SkipUntil)
    assert [outcome(run, 1), outcome(run, 2)] == [SKIPPED_WHY, Claimed]


def test_shifting_an_outage_takes_back_all_of_it(engine, make_run):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000, 251_000).published().away_for(300_000)
    (judged,) = missed.judge_running(engine)
    assert judged.missed.action == ShiftBy(run.column("shift_milliseconds"))
    assert 250_000 - A_MOMENT_MS < outcome(run, 1) <= 250_000


def test_who_judges_second_finds_nothing_missed(engine, make_run):
    for policy in ("Skip", "Shift", "CatchUp"):
        make_run().spec(missedRecords=policy).started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    assert len(missed.judge_running(engine)) == 2
    assert missed.judge_running(engine) == []


def test_an_outage_of_many_runs_is_judged_a_bounded_number_at_a_time(engine, make_run):
    for _ in range(5):
        make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    assert [len(missed.judge_running(engine, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


# No claim slips in before the decision


def claim_by(engine, run, statement, batch=0):
    with transaction(engine) as connection:
        connection.execute(text(SHARE_RUNS), {"simulations": [run.id]})
        bounds = {"lease_ms": LEASE_MS, "missed_after_ms": MINUTE_MS}
        values = {**grouped([run.request(batch)]).parameters, **bounds}
        return connection.execute(text(statement), values).mappings().one()["is_claimed"]


def test_a_missed_batch_is_not_claimed_before_it_was_judged(engine, make_run):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    assert outcome(run, 0) == MISSED_WHY
    missed.judge_running(engine)
    assert outcome(run, 0) is Claimed


def test_without_that_refusal_it_slips_through(engine, make_run):
    """The guarantee broken on purpose: it is delivered five minutes late although it was to be skipped."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    assert claim_by(engine, run, CLAIM.replace(MISSED, "false AND :missed_after_ms > 0"))
    missed.judge_running(engine)
    assert sweep_all(run) == 0


def test_without_the_other_refusal_a_batch_is_delivered_that_is_being_skipped(engine, make_run):
    """The guarantee broken on purpose: less than a minute late, but due before the run was accepted."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(30_000).due_at(0).published()
    assert not claim_by(engine, run, CLAIM)
    assert claim_by(engine, run, CLAIM.replace(SKIPPED_SOON, "false"))


def a_claim_under_way(engine, run, waits):
    """A claim holds its locks, uncommitted, while `waits` runs what is given to it."""
    with transaction(engine) as connection:
        connection.execute(text(SHARE_RUNS), {"simulations": [run.id]})
        bounds = {"lease_ms": LEASE_MS, "missed_after_ms": NEVER_MS}
        values = {**grouped([run.request()]).parameters, **bounds}
        assert connection.execute(text(CLAIM), values).mappings().one()["is_claimed"]
        waits(lambda: missed.judge_running(engine))


def test_judging_waits_for_a_claim_under_way_and_counts_it_as_begun(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    threads = []

    def waits(judge):
        threads.append(in_thread(judge))
        until(lambda: waiting_backends() == 1)

    a_claim_under_way(engine, run, waits)
    threads[0].join(10)
    assert run.column("shift_milliseconds") == 0


def test_without_the_lock_the_plan_is_shifted_for_a_batch_that_is_being_delivered(engine, make_run, in_thread, monkeypatch):
    """The guarantee broken on purpose: the same interleaving, the lock taken out. The claim waits for no row that judging needs."""
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published().away_for(300_000)
    with transaction(engine) as connection:  # as if a claim had been made before, so that the claim takes no lock on the run's row
        connection.execute(text("UPDATE simulations SET status = 'RUNNING' WHERE id = :id"), {"id": run.id})
    monkeypatch.setattr(missed, "HOLD_RUN", text("SELECT CAST(:id AS uuid)"))
    a_claim_under_way(engine, run, lambda judge: in_thread(judge).join(10))
    assert run.column("shift_milliseconds") >= 299_000


# What was begun is finished


def test_what_was_begun_is_finished_and_not_skipped(engine, make_run):
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000, 2_000).published().away_for(2_500)
    begun = run.claimed(0)
    claims.release(engine, [begun.fence])
    control.suspend(engine, run.id)
    run.away_for(300_000)
    control.resume(engine, run.id)
    assert sweep_all(run) == 1
    finishes.finish(engine, [run.delivered(run.claimed(0, attempt=2))])
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.records_processed, ended.records_skipped) == (Status.COMPLETED, 1, 1)


def test_without_looking_at_the_attempt_a_begun_batch_is_skipped(engine, make_run, monkeypatch):
    """The guarantee broken on purpose: its record may be in the CRM, and counts as skipped."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000, 2_000).published().away_for(2_500)
    claims.release(engine, [run.claimed(0).fence])
    run.away_for(300_000)
    missed.judge_running(engine)
    monkeypatch.setattr(skipping, "SWEEP", skipping.SWEEP.replace(NEVER_BEGUN, "b.state = 0"))
    assert sweep_all(run) == 2


def test_what_was_begun_and_repeated_counts_as_missed_for_nobody(engine, make_run):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000).published().away_for(1_000)
    claims.release(engine, [run.claimed(0).fence], retry_after_ms=1)
    run.away_for(300_000)
    assert missed.judge_running(engine) == []
    assert run.claimed(0, attempt=2)


# Skipping


def test_a_run_of_which_all_was_missed_ends_with_the_last_sweep(engine, make_run):
    run = make_run().spec(missedRecords="Skip").started_ms_ago(300_000).records(5).batches_of(2).published()
    assert run.column("status") == "QUEUED"
    assert skipping.runs_to_sweep(engine) == [run.id]
    assert skipping.sweep(engine, run.id, limit=2) == skipping.Swept(batches=2, records=4)
    assert (run.column("status"), run.column("started_at") is not None) == ("RUNNING", True)
    assert skipping.sweep(engine, run.id, limit=2) == skipping.Swept(batches=1, records=1)
    assert skipping.runs_to_sweep(engine) == []
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.records_skipped, ended.finished_ms is not None) == (Status.COMPLETED, 5, True)


def test_a_sweep_judges_the_failure_policy_like_a_finish(engine, make_run):
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000, 1_000).published().away_for(1_000)
    failed = RecordResult(index=0, outcome=Outcome.FAILED, reason="RecordRejected")
    finishes.finish(engine, [Finish(fence=run.claimed(0).fence, results=[failed])])
    run.away_for(300_000)
    missed.judge_running(engine)
    sweep_all(run)
    ended = runs.get(engine, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "FailurePolicyExceeded")
    assert ended.message.startswith("1 of 2 records failed, more than the 0 %")


def test_a_run_that_is_suspended_or_ended_meanwhile_is_not_swept(engine, make_run):
    suspended, cancelled = (make_run().spec(missedRecords="Skip").started_ms_ago(300_000).records(3).published() for _ in range(2))
    for run in (suspended, cancelled):
        skipping.sweep(engine, run.id, limit=1)
    control.suspend(engine, suspended.id)
    control.cancel(engine, cancelled.id)
    assert skipping.runs_to_sweep(engine) == []
    assert [sweep_all(suspended), sweep_all(cancelled)] == [0, 0]
    assert runs.get(engine, cancelled.id).status is Status.CANCELLED
    control.resume(engine, suspended.id)
    assert sweep_all(suspended) == 2
    assert (runs.get(engine, suspended.id).status, cancelled.column("records_skipped")) == (Status.COMPLETED, 1)


def test_suspend_waits_for_a_sweep_under_way(engine, started_five_minutes_ago, in_thread, waiting_backends, until):
    run = started_five_minutes_ago("Skip")
    with transaction(engine) as connection:
        connection.execute(text(SHARE_RUNS), {"simulations": [run.id]})
        connection.execute(text(skipping.SWEEP), {"id": run.id, "limit": 1, "exceeded": ""})
        suspending = in_thread(lambda: control.suspend(engine, run.id))
        until(lambda: waiting_backends() == 1)
    suspending.join(10)
    assert (runs.get(engine, run.id).status, run.column("records_skipped")) == (Status.SUSPENDED, 1)


def test_two_sweeps_at_once_share_the_work_and_wait_for_no_batch(engine, make_run, in_thread, waiting_backends, until):
    run = make_run().spec(missedRecords="Skip").started_ms_ago(300_000).records(4).published()
    swept = []
    with transaction(engine) as connection:
        connection.execute(text(SHARE_RUNS), {"simulations": [run.id]})
        connection.execute(text(skipping.SWEEP), {"id": run.id, "limit": 2, "exceeded": ""})
        second = in_thread(lambda: swept.append(skipping.sweep(engine, run.id)))
        until(lambda: waiting_backends() == 1)  # for the counters, with the other two batches in hand
    second.join(10)
    assert swept == [skipping.Swept(batches=2, records=2)]
    assert runs.get(engine, run.id).status is Status.COMPLETED


def test_a_sweep_that_fails_is_logged_and_holds_up_nobody(engine, started_five_minutes_ago, monkeypatch, caplog):
    run = started_five_minutes_ago("Skip")
    monkeypatch.setattr(skipping, "SWEEP", "SELECT 1 / 0, :id, :limit, :exceeded")
    assert sweep_all(run) == 0
    assert "skipping what simulation" in caplog.text


# Skipping, then shifting


def test_what_is_to_be_skipped_stays_exactly_that_when_the_plan_is_shifted_later(engine, make_run):
    """Decided is decided: it is neither brought back by the shift, nor does the shift take more with it."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(300_000).due_at(0, 299_000, 301_000, 900_000).published()
    changes.set_changeable(engine, run.id, {"missedRecords": "Shift"})
    run.away_for(120_000)
    (judged,) = missed.judge_running(engine)  # by what came due after the decision to skip
    assert 119_000 - 1 <= judged.missed.action.milliseconds < 119_000 + A_MOMENT_MS
    assert [outcome(run, 0), outcome(run, 1), outcome(run, 2)] == [SKIPPED_WHY, SKIPPED_WHY, Claimed]
    assert sweep_all(run) == 2
    assert outcome(run, 3) > 590_000 - A_MOMENT_MS


def test_without_moving_the_moment_along_a_shift_brings_back_what_was_to_be_skipped(engine, make_run, monkeypatch):
    """The guarantee broken on purpose."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(300_000).due_at(0, 299_000, 301_000).published()
    changes.set_changeable(engine, run.id, {"missedRecords": "Shift"})
    run.away_for(120_000)
    alone = text("UPDATE simulations SET shift_milliseconds = shift_milliseconds + :by_ms WHERE id = :id")
    monkeypatch.setattr(missed, "_SHIFT", alone)
    missed.judge_running(engine)
    assert outcome(run, 1) is Claimed


def test_catching_up_from_now_on_does_not_bring_back_what_is_to_be_skipped(engine, started_five_minutes_ago):
    run = started_five_minutes_ago("Skip")
    changes.set_changeable(engine, run.id, {"missedRecords": "CatchUp"})
    assert outcome(run, 0) == SKIPPED_WHY
    assert sweep_all(run) == 2


# A claim keeps the shift it was due by


def finished_after_a_shift(engine, run, statement):
    """Claimed on time; then the plan moves by an hour while it is delivered."""
    claimed = run.claimed(0)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET shift_milliseconds = 3600000 WHERE id = :id"), {"id": run.id})
        assert connection.execute(text(statement), parameters(grouped([claimed.fence]), [run.delivered(claimed)])).all()
    progress.fold(engine)
    return run.column("lateness"), shown(run)


def test_what_was_delivered_while_the_plan_moved_is_not_early(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(0, 3_000_000).published()
    lateness, seen = finished_after_a_shift(engine, run, finish_statement())
    assert (lateness[0], sum(lateness)) == (0, 1)
    assert seen.lateness_p99_ms < A_MOMENT_MS


def test_judged_by_the_newest_shift_it_would_show_as_early(engine, make_run):
    """The guarantee broken on purpose."""
    run = make_run().started_ms_ago(0).due_at(0, 3_000_000).published()
    lateness, _ = finished_after_a_shift(engine, run, finish_statement().replace(CLAIMED_SHIFT, "g.shift_ms"))
    assert lateness[0] == 1


def test_a_batch_claimed_again_after_a_shift_is_judged_by_its_new_time(engine, make_run):
    run = make_run().spec(missedRecords="Shift").started_ms_ago(0).due_at(1_000, 1_001).published().away_for(1_001)
    claims.release(engine, [run.claimed(0).fence])
    run.away_for(300_000)
    missed.judge_running(engine)
    again = run.claimed(0, attempt=2)
    assert run.batch_column("claimed_shift_ms") == again.run.shift_ms >= 299_000
    finishes.finish(engine, [run.delivered(again)])
    progress.fold(engine)
    assert run.column("lateness")[0] == 0


# What is being skipped is not shown as work, nor as late


@pytest.fixture
def being_skipped(make_run):
    """Three batches: one was begun and waits to be repeated, one is being skipped, one is due in a while."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(1_000, 2_000, 330_000).published().away_for(2_000)
    claims.release(run.engine, [run.claimed(0).fence])
    run.away_for(298_000)
    missed.judge_running(run.engine)
    return run


def test_only_what_was_begun_is_offered_of_what_is_old_enough_to_be_skipped(engine, being_skipped):
    assert [(offer.batch, offer.attempt) for offer in dispatch.overdue(engine, "default", limit=10)] == [(0, 2)]
    assert [offer.batch for offer in dispatch.upcoming(engine, horizon_ms=60_000, limit=10)] == [2]


def test_the_backlog_leaves_out_what_is_being_skipped(engine, being_skipped):
    assert backlog.backlog(engine, portals=["default"], lead_ms=1_000).due == 1


def test_the_next_record_is_not_one_that_is_being_skipped(engine, being_skipped):
    due_ms = [clock.to_ms(being_skipped.column("start_time")) + offset_ms for offset_ms in (1_000, 330_000)]
    assert shown(being_skipped).next_due_ms == due_ms[0]
    finishes.finish(engine, [being_skipped.delivered(being_skipped.claimed(0, attempt=2))])
    assert shown(being_skipped).next_due_ms == due_ms[1]
    sweep_all(being_skipped)
    assert shown(being_skipped).next_due_ms == due_ms[1]


def test_the_next_record_is_due_as_shifted(out_for_five_minutes):
    run = out_for_five_minutes("Shift")
    moved_ms = clock.to_ms(run.column("start_time")) + run.column("shift_milliseconds")
    assert shown(run).next_due_ms == moved_ms + 1_000


def test_what_is_to_be_judged_and_skipped_is_found_by_index(engine, make_run):
    make_run().spec(missedRecords="Skip").started_ms_ago(0).due_at(*range(1_000, 3_000_000, 300)).published()
    unfinished = "batches_shared_unfinished"
    with transaction(engine) as connection:
        connection.execute(text("ANALYZE"))
        for statement, values in (
            (missed.CANDIDATES, {"id": None, "missed_after_ms": 1, "limit": 1}),
            (missed.LOOK, {"id": None}),
            (skipping.TO_SWEEP, {}),
            (skipping.SWEEP, {"id": uuid.uuid4(), "limit": 10, "exceeded": ""}),
        ):
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {statement}"), values))
            assert unfinished in plan, plan
            assert "Seq Scan on batches" not in plan, plan
