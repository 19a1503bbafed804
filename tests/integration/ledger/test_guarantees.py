"""Guarantees of the ledger's other statements, each broken on purpose: what would happen without it."""

from __future__ import annotations

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from simulation_core.kinds import Kind
from simulation_core.ledger import accept, contents, control, errands, finishes, plans, progress, retrying, runs, skipping
from simulation_core.ledger.contents import Reservation, WrittenBy
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Errand, Refused
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.sql import UNEXPIRED_CLAIM
from simulation_core.ledger.values import ClaimRequest, Finish, Outcome, RecordResult, Status

LEASE_MS = 60_000


@pytest.fixture
def without(monkeypatch):
    """Takes a part out of a module's statement."""

    def take_out(module, name, part, instead=""):
        statement = getattr(module, name)
        whole = statement.text if isinstance(statement, TextClause) else statement
        assert part in whole, part
        broken = whole.replace(part, instead)
        monkeypatch.setattr(module, name, text(broken) if isinstance(statement, TextClause) else broken)

    return take_out


# Accepting and planning


def accepted_twice(make_run, monkeypatch):
    """By two that knew nothing of each other. Whether the first start stands."""
    run = make_run().accepted(started=False, lead_ms=1_000)
    start, known = run.column("start_time"), accept.to_runs

    def none_yet(*_):
        monkeypatch.setattr(accept, "to_runs", known)
        return []

    monkeypatch.setattr(accept, "to_runs", none_yet)
    run.accepted(started=False, lead_ms=3_600_000)
    return run.column("start_time") == start


def test_who_accepts_first_decides(make_run, monkeypatch):
    assert accepted_twice(make_run, monkeypatch)


def test_without_insert_if_absent_the_second_decides(make_run, monkeypatch, without):
    without(accept, "_INSERT_RUN", "DO NOTHING", "DO UPDATE SET start_time = excluded.start_time")
    assert not accepted_twice(make_run, monkeypatch)


def overtaken(engine, make_run, monkeypatch):
    """Another stores all of the plan while this one stores its beginning. The watermark afterwards, of three batches."""
    run, copy = make_run().records(3).accepted(), plans._copy

    def be_overtaken(*_):
        monkeypatch.setattr(plans, "_copy", copy)
        plans.store(engine, run.id, run.plan, 0)

    monkeypatch.setattr(plans, "_copy", be_overtaken)
    plans.store(engine, run.id, run.plan, 0, limit=1)
    return plans.watermark(engine, run.id)


def test_who_was_overtaken_moves_no_watermark(engine, make_run, monkeypatch):
    assert overtaken(engine, make_run, monkeypatch) == 3


def test_without_looking_at_the_watermark_it_would_go_back(engine, make_run, monkeypatch, without):
    without(plans, "_MOVE_WATERMARK", " AND batches_stored = :first", " AND CAST(:first AS integer) IS NOT NULL")
    assert overtaken(engine, make_run, monkeypatch) == 1


def test_without_counting_them_a_plan_is_published_of_which_batches_are_missing(engine, make_run, without):
    run = make_run().records(3).accepted()
    plans.store(engine, run.id, run.plan, 0, limit=2)
    without(plans, "_PUBLISH", " AND batches_stored = :total")
    run.publish()
    assert runs.get(engine, run.id).status is Status.QUEUED


# Stopping, skipping and retrying


def test_without_looking_for_claims_a_run_counts_as_suspended_while_it_is_delivered(engine, make_run, without):
    run = make_run().published()
    run.claimed()
    without(control, "_REACH_STOPPED", f"AND NOT EXISTS (SELECT FROM batches b WHERE b.simulation_id = s.id AND {UNEXPIRED_CLAIM})")
    assert control.suspend(engine, run.id) == 1
    assert control.settle(engine) == [run.id]


def swept_beside_a_suspension(engine, make_run, in_thread, waiting_backends, until):
    """A suspension holds what it holds while a sweep begins. How many records are skipped in the end, after it returned."""
    run = make_run().spec(missedRecords="Skip").started_ms_ago(300_000).records(2).published()
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": run.id})
        connection.execute(text("UPDATE simulation_control SET run_state = 'SUSPENDED' WHERE simulation_id = :id"), {"id": run.id})
        connection.execute(text("UPDATE simulations SET status = 'SUSPENDED' WHERE id = :id"), {"id": run.id})
        sweep = in_thread(lambda: skipping.sweep(engine, run.id))
        until(lambda: waiting_backends() == 1)
    sweep.join(10)
    return run.column("records_skipped")


def test_what_is_suspended_is_not_skipped(engine, make_run, in_thread, waiting_backends, until):
    assert swept_beside_a_suspension(engine, make_run, in_thread, waiting_backends, until) == 0


def test_without_sharing_the_run_a_sweep_overtakes_a_suspension(engine, make_run, in_thread, waiting_backends, until, monkeypatch):
    monkeypatch.setattr(skipping, "SHARE_RUNS", "SELECT CAST(:simulations AS uuid[])")
    assert swept_beside_a_suspension(engine, make_run, in_thread, waiting_backends, until) == 2


def held_with_a_failed_record(engine, make_run):
    """Of its two records one failed; the other is being delivered again."""
    run = make_run().records(2).batches_of(2).published()
    failed = [RecordResult(index=0, outcome=Outcome.FAILED, reason="RecordRejected", message="no")]
    finishes.finish(engine, [Finish(run.claimed().fence, results=failed)])
    return run, run.claimed(attempt=2)


def test_without_taking_the_claim_away_what_is_retried_counts_as_delivered(engine, make_run, without):
    """Twice: by its state, and by its attempt for whoever claims it next."""
    run, held = held_with_a_failed_record(engine, make_run)
    without(retrying, "_RESET", "lease_until = NULL, state = 0,", "")
    without(retrying, "_RESET", "CASE WHEN b.state = 1 THEN 1 ELSE 0 END", "0")
    assert retrying.retry_failed(engine, run.id, "one") == 1
    assert finishes.finish(engine, [Finish(held.fence, rest_delivered_ms=held.claimed_ms)]) == [True]
    assert run.column("records_processed") == 2  # its holder delivered one


def test_without_counting_what_leaves_failed_the_counter_is_wrong(engine, make_run, without):
    run, _ = held_with_a_failed_record(engine, make_run)
    without(retrying, "_RESET", "RETURNING cardinality(f.records) AS records", "RETURNING cardinality(f.outcomes) AS records")
    with pytest.raises(IntegrityError):  # less than none have failed
        retrying.retry_failed(engine, run.id, "one")


# Folding


def test_without_deleting_them_deltas_are_added_again(engine, make_run, without):
    run = make_run().published()
    finishes.finish(engine, [run.delivered(run.claimed())])
    without(progress, "FOLD", "DELETE FROM deltas WHERE", "SELECT simulation_id, buckets, lateness FROM deltas WHERE")
    without(progress, "FOLD", "    RETURNING simulation_id, buckets, lateness\n")
    progress.fold(engine)
    progress.fold(engine)
    assert sum(progress.progress(engine, [run.id])[0].delivered) == 2


# Errands


def claim_errand(engine, run, attempt=1, kind=Kind.VERIFY):
    return errands.claim(engine, kind, ClaimRequest(simulation_id=run.id, batch=0, attempt=attempt), lease_ms=LEASE_MS)


def taken_over(engine, run):
    """The fence of a worker that was taken for dead, and that of the next."""
    errands.ask(engine, run.id, Kind.VERIFY)
    old = claim_errand(engine, run)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE errands SET lease_until = statement_timestamp()"))
    return old.fence, claim_errand(engine, run, attempt=2).fence


def test_without_looking_at_the_lease_two_have_one_errand(engine, make_run, without):
    run = make_run().published()
    errands.ask(engine, run.id, Kind.VERIFY)
    claim_errand(engine, run)
    assert isinstance(claim_errand(engine, run, attempt=2), Refused)
    without(errands, "CLAIM", " AND e.lease_until <= statement_timestamp()")
    assert isinstance(claim_errand(engine, run, attempt=2), Errand)


@pytest.mark.parametrize(
    ("statement", "carry_out"),
    [
        ("SAVE", lambda engine, fence: errands.save(engine, fence, {"after": 1})),
        ("RENEW", lambda engine, fence: errands.renew(engine, fence, LEASE_MS)),
        ("FINISH", lambda engine, fence: errands.end(engine, fence, errands.Done())),
        ("PUT_OFF", lambda engine, fence: errands.end(engine, fence, errands.Later())),
    ],
)
def test_without_the_guard_who_lost_an_errand_changes_it(engine, make_run, without, statement, carry_out):
    old, _ = taken_over(engine, make_run().published())
    assert not carry_out(engine, old)
    without(errands, statement, "attempt = :attempt AND", "CAST(:attempt AS integer) IS NOT NULL AND")
    assert carry_out(engine, old)


# Contents


def test_without_insert_if_absent_a_content_is_replaced(engine, make_run, without):
    run = make_run().published()
    contents.keep(engine, run.id, {0: {"city": "Bremen"}}, by=WrittenBy.MODEL)
    without(contents, "_KEEP", "(simulation_id, record) DO NOTHING", "(simulation_id, record) DO UPDATE SET content = excluded.content")
    contents.keep(engine, run.id, {0: {"city": "Kassel"}}, by=WrittenBy.MODEL)
    assert contents.stored(engine, {run.id: [0]}) == {run.id: {0: {"city": "Kassel"}}}


def test_without_adding_up_what_others_reserved_a_run_takes_more_tokens_than_it_may(engine, make_run, without):
    run = make_run().published()
    errands.ask(engine, run.id, Kind.PREPARE)
    fence = claim_errand(engine, run, kind=Kind.PREPARE).fence
    assert [contents.reserve_tokens(engine, fence, 600, most=1_000) for _ in range(2)] == [Reservation.GRANTED, Reservation.LATER]
    without(contents, "_RESERVE", "c.tokens + c.tokens_reserved + excluded.tokens_reserved <=", "excluded.tokens_reserved <=")
    assert contents.reserve_tokens(engine, fence, 600, most=1_000) is Reservation.GRANTED
