"""Each guarantee of a worker's four statements, and a copy of the statement in which it is broken on purpose."""

from __future__ import annotations

import pytest
from sqlalchemy import exc, text

from simulation_core.ledger import claims, control, finishes, progress
from simulation_core.ledger.claims import CLAIM, RELEASE, RENEW
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.finishes import WAS_OPEN, finish_statement
from simulation_core.ledger.groups import grouped
from simulation_core.ledger.values import Claimed, Finish, Outcome, RecordResult

LEASE_MS = 60_000
LOCK = "FOR NO KEY UPDATE\n    ) b"
ORDER = "ORDER BY r.id, g.number"
STATEMENTS = {"claim": CLAIM, "renew": RENEW, "release": RELEASE, "finish": finish_statement()}


def broken(statement, *changes):
    for part, instead in changes:
        assert part in statement, part
        statement = statement.replace(part, instead)
    return statement


def values_of(question, held):
    """For requests, or for what was claimed."""
    if question == "finish":
        group = grouped([one.fence for one in held])
        return finishes.parameters(group, [Finish(one.fence, rest_delivered_ms=one.claimed_ms) for one in held])
    if question == "claim":
        return {**grouped(held).parameters, "lease_ms": LEASE_MS, "missed_after_ms": 60_000}
    more = {"renew": {"lease_ms": LEASE_MS}, "release": {"retry_after_ms": 0, "crashed": False}}[question]
    return {**grouped([one.fence for one in held]).parameters, **more}


def is_claimed(engine, statement, *requests):
    with transaction(engine) as connection:
        rows = connection.execute(text(statement), values_of("claim", requests)).mappings().all()
    return [row["is_claimed"] for row in rows]


def carried_out(engine, question, statement, held):
    """How many of the claims held it was done to."""
    with transaction(engine) as connection:
        rows = connection.execute(text(statement), values_of(question, held)).all()
    return len(rows) if question != "finish" else sum(grouped([one.fence for one in held]).told(rows[0][0]))


# One order of locks


def a_group_that_waits_for_its_lowest(engine, make_run, in_thread, waiting_backends, until, question, statement):
    """Whether it holds its highest batch meanwhile, which another group may need first."""
    low, high = make_run().with_id(1).published(), make_run().with_id(2).published()
    held = [high.request(), low.request()] if question == "claim" else [high.claimed(), low.claimed()]
    with transaction(engine) as connection:
        connection.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR UPDATE"), {"id": low.id})
        waiting = in_thread(lambda: carried_out(engine, question, statement, held))
        until(lambda: waiting_backends() == 1)
        try:
            with connection.begin_nested():
                connection.execute(text("SELECT FROM batches WHERE simulation_id = :id FOR UPDATE NOWAIT"), {"id": high.id})
            holds = False
        except exc.OperationalError:
            holds = True
    waiting.join(10)
    return holds


@pytest.mark.parametrize("question", STATEMENTS)
def test_a_group_locks_in_the_one_order_however_it_was_given(engine, make_run, in_thread, waiting_backends, until, question):
    world = (engine, make_run, in_thread, waiting_backends, until)
    assert not a_group_that_waits_for_its_lowest(*world, question, STATEMENTS[question])


@pytest.mark.parametrize("question", STATEMENTS)
def test_in_another_order_a_group_holds_what_another_needs_first(engine, make_run, in_thread, waiting_backends, until, question):
    world = (engine, make_run, in_thread, waiting_backends, until)
    assert a_group_that_waits_for_its_lowest(*world, question, broken(STATEMENTS[question], (ORDER, "ORDER BY r.id DESC")))


# Of any number of claims one succeeds


@pytest.mark.parametrize(("statement", "second"), [(CLAIM, [False]), (broken(CLAIM, (LOCK, ") b")), [True])], ids=["locked", "not locked"])
def test_the_lock_is_what_lets_a_second_claim_see_the_first(engine, make_run, in_thread, waiting_backends, until, statement, second):
    run = make_run().published()
    told = []
    with transaction(engine) as connection:
        assert connection.execute(text(statement), values_of("claim", [run.request()])).mappings().one()["is_claimed"]
        other = in_thread(lambda: told.extend(is_claimed(engine, statement, run.request())))
        until(lambda: waiting_backends() == 1)
    other.join(10)
    assert told == second


# What a claim refuses


def early(make_run):
    return make_run().due_at(10_000_000).published()


def waiting_to_be_repeated(make_run):
    run = make_run().published()
    claims.release(run.engine, [run.claimed().fence], retry_after_ms=60_000)
    return run


def suspended(make_run):
    run = make_run().published()
    control.suspend(run.engine, run.id)
    with transaction(run.engine) as connection:  # not settled yet
        connection.execute(text("UPDATE simulations SET status = 'RUNNING' WHERE id = :id"), {"id": run.id})
    return run


def ended(make_run):
    run = make_run().published()
    with transaction(run.engine) as connection:
        connection.execute(text("UPDATE simulations SET status = 'FAILED' WHERE id = :id"), {"id": run.id})
    return run


def held_by_another(make_run):
    run = make_run().published()
    run.claimed()
    return run


def done(make_run):
    run = make_run().records(2).published()
    finishes.finish(run.engine, [run.delivered(run.claimed())])
    return run


@pytest.mark.parametrize(
    ("situation", "attempt", "part", "instead"),
    [
        (early, 1, "j.remaining_ms <= 0", "true"),
        (waiting_to_be_repeated, 2, "greatest(l.origin_ms + l.offset_ms, ", "greatest(l.origin_ms + l.offset_ms, 0 * "),
        (suspended, 1, "l.run_state <> 'RUNNING'", "false"),
        (ended, 1, "l.status NOT IN ('QUEUED', 'RUNNING')", "false"),
        (held_by_another, 2, "l.state = 1 AND l.lease_until > statement_timestamp()", "false"),
        (held_by_another, 1, "l.asked <> l.attempt + 1", "false AND l.state = 0"),
        (done, 2, "l.state = 2", "false"),
    ],
)
def test_each_refusal_is_what_keeps_a_batch_from_being_claimed(engine, make_run, situation, attempt, part, instead):
    assert not any(is_claimed(engine, CLAIM, situation(make_run).request(attempt=attempt)))
    without = broken(CLAIM, (part, instead))
    if situation is held_by_another and attempt == 1:  # an old job, of a batch whose later claim ran out
        without = broken(without, ("l.state = 1 AND l.lease_until > statement_timestamp()", "false"))
    assert any(is_claimed(engine, without, situation(make_run).request(attempt=attempt)))


# What a renewal, a release and a finish refuse


def lost(run):
    """The claim of a holder whose batch another has by now."""
    old = run.claimed()
    run.lease_runs_out()
    run.claimed(attempt=2)
    return old


def run_out(run):
    old = run.claimed()
    run.lease_runs_out()
    return old


def stopped(run):
    old = run.claimed()
    control.suspend(run.engine, run.id)
    return old


def given_back(run):
    old = run.claimed()
    claims.release(run.engine, [old.fence])
    return old


@pytest.mark.parametrize(
    ("question", "situation", "part"),
    [
        ("renew", lost, "b.attempt = g.attempt"),
        ("renew", run_out, "b.lease_until > statement_timestamp()"),
        ("renew", stopped, "c.run_state = 'RUNNING'"),
        ("release", lost, "b.attempt = g.attempt"),
        ("release", given_back, "b.state + 0 = 1"),
        ("finish", lost, "b.attempt = g.claim"),
        ("finish", given_back, "b.state + 0 = 1"),
    ],
)
def test_each_guard_is_what_refuses_a_claim_that_does_not_hold(engine, make_run, question, situation, part):
    statement = STATEMENTS[question]
    assert carried_out(engine, question, statement, [situation(make_run().published())]) == 0
    assert carried_out(engine, question, broken(statement, (part, "true")), [situation(make_run().published())]) == 1


@pytest.mark.parametrize(("flag", "crashes"), [(":crashed", 0), ("true", 1)])
def test_what_is_given_back_counts_as_a_crash_only_where_the_holder_says_so(engine, make_run, flag, crashes):
    run = make_run().published()
    statement = broken(RELEASE, ("WHEN :crashed", f"WHEN {flag} OR :crashed"))
    assert carried_out(engine, "release", statement, [run.claimed()]) == 1
    assert run.batch_column("crashes") == crashes


# What a finish counts


def finished_twice(engine, run, statement):
    """One of two records was delivered before; then the batch is said to have been delivered as a whole."""
    first = run.claimed()
    assert finishes.finish(engine, [Finish(first.fence, [RecordResult(index=0, outcome=Outcome.DELIVERED)])]) == [True]
    assert carried_out(engine, "finish", statement, [run.claimed(attempt=2)]) == 1
    while progress.fold(engine):
        pass
    return run.column("records_processed"), sum(run.column("delivered"))


def test_a_counter_moves_by_what_leaves_pending(engine, make_run):
    assert finished_twice(engine, make_run().records(3).batches_of(2).published(), finish_statement()) == (2, 2)


@pytest.mark.parametrize("part", [WAS_OPEN, "b.outcomes IS NULL"])
def test_counted_without_looking_at_what_was_reached_a_record_counts_twice(engine, make_run, part):
    run = make_run().records(3).batches_of(2).published()
    assert finished_twice(engine, run, broken(finish_statement(), (part, "true"))) == (3, 3)


def test_a_group_of_many_runs_ends_each_batch_of_each(engine, make_run):
    """Some whole, some in part, some lost: each is told of in its place."""
    made = [make_run().records(6).batches_of(2).published() for _ in range(5)]
    held = claims.claim(engine, [run.request(batch) for batch in range(3) for run in made], lease_ms=LEASE_MS)
    assert all(isinstance(one, Claimed) for one in held)
    claims.release(engine, [one.fence for one in held[::4]])
    given = [
        Finish(one.fence, [RecordResult(index=0, outcome=Outcome.SKIPPED)] * (place % 2), rest_delivered_ms=one.claimed_ms)
        for place, one in enumerate(held)
    ]
    assert finishes.finish(engine, given) == [place % 4 != 0 for place in range(15)]
    skipped = sum(place % 4 != 0 and place % 2 for place in range(15))
    assert sum(run.column("records_skipped") for run in made) == skipped
    assert sum(run.column("records_processed") for run in made) == 2 * 11 - skipped
