"""What is offered: what falls due soon, and what is overdue, fairly."""

from __future__ import annotations

from sqlalchemy import text

from simulation_core.ledger import backlog, claims, control, dispatch, finishes
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import IN_INDEX_ORDER
from simulation_core.ledger.values import Backlog, Finish, Outcome, RecordResult


def test_upcoming_is_what_falls_due_within_the_horizon_and_not_what_is_due(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(0, 20_000, 30_000, 500_000).published()
    soon = dispatch.upcoming(engine, horizon_ms=60_000, limit=10)
    assert [(offer.batch, offer.attempt, offer.portal) for offer in soon] == [(1, 1, "default"), (2, 1, "default")]
    assert soon[1].due_ms - soon[0].due_ms == 10_000
    assert [offer.batch for offer in dispatch.upcoming(engine, horizon_ms=60_000, limit=1)] == [1]
    assert [offer.batch for offer in dispatch.overdue(engine, "default", limit=10)] == [0]
    assert run.column("status") == "QUEUED"


def test_a_batch_waiting_to_be_repeated_is_upcoming(engine, make_run):
    run = make_run().published()
    claims.release(engine, [run.claimed().fence], retry_after_ms=20_000)
    assert not dispatch.overdue(engine, "default", limit=10)
    assert not dispatch.upcoming(engine, horizon_ms=10_000, limit=10)
    (offer,) = dispatch.upcoming(engine, horizon_ms=30_000, limit=10)
    assert offer.attempt == 2


def test_an_expired_claim_is_overdue_and_a_living_one_is_not_offered(engine, make_run):
    run = make_run().published()
    run.claimed()
    assert not dispatch.overdue(engine, "default", limit=10)
    run.lease_runs_out()
    (offer,) = dispatch.overdue(engine, "default", limit=10)
    assert offer.attempt == 2
    assert run.claimed(attempt=offer.attempt)


def test_overdue_takes_turns_so_that_a_big_run_never_starves_a_small_one(engine, make_run):
    big = make_run().started_ms_ago(1_000_000).due_at(*range(100)).published()
    small = make_run().started_ms_ago(1000).due_at(0, 1).published()
    offers = dispatch.overdue(engine, "default", limit=6)
    assert [(offer.simulation_id == small.id, offer.batch) for offer in offers] == [
        (False, 0),
        (True, 0),
        (False, 1),
        (True, 1),
        (False, 2),
        (False, 3),
    ]
    assert offers[0].simulation_id == big.id


def test_portals_are_kept_apart(engine, make_run):
    make_run().spec(portal="east").published()
    make_run().spec(portal="west").due_at(10_000_000).published()
    assert dispatch.portals_with_work(engine) == ["east", "west"]
    assert [offer.portal for offer in dispatch.overdue(engine, "east", limit=5)] == ["east"]
    assert not dispatch.overdue(engine, "west", limit=5)


def test_stopped_runs_are_offered_nowhere(engine, make_run):
    suspended, cancelled, planning = make_run().published(), make_run().published(), make_run().accepted()
    control.suspend(engine, suspended.id)
    control.cancel(engine, cancelled.id)
    assert planning.column("status") == "PLANNING"
    assert not dispatch.overdue(engine, "default", limit=5)
    assert not dispatch.upcoming(engine, horizon_ms=10**9, limit=5)
    assert dispatch.portals_with_work(engine) == []
    assert backlog.backlog(engine, portals=["default"], lead_ms=10**9) == Backlog(due=0, claimed=0, due_within_lead=0)


def test_every_offer_can_be_claimed(engine, make_run):
    run = make_run().due_at(0, 0, 5, 9).batches_of(2).published()
    claimed = run.claimed(0)
    results = [RecordResult(index=0, outcome=Outcome.DELIVERED)]
    finishes.finish(engine, [Finish(fence=claimed.fence, results=results)])
    for offer in dispatch.overdue(engine, "default", limit=10):
        assert run.claimed(offer.batch, offer.attempt)


def test_the_backlog_counts_what_wants_a_worker(engine, make_run):
    run = make_run().started_ms_ago(1000).due_at(0, 1, 2, 30_000, 5_000_000).published()
    run.claimed(0)
    claims.release(engine, [run.claimed(1).fence], retry_after_ms=20_000)
    assert backlog.backlog(engine, portals=["default"], lead_ms=60_000) == Backlog(due=2, claimed=1, due_within_lead=2)
    assert backlog.backlog(engine, portals=["default"], lead_ms=1000) == Backlog(due=2, claimed=1, due_within_lead=0)


def test_the_backlog_leaves_out_runs_whose_portal_is_not_configured(engine, make_run):
    make_run().spec(portal="east").due_at(0, 1).published()
    make_run().spec(portal="west").due_at(0).published()
    assert backlog.backlog(engine, portals=["east", "unused"], lead_ms=1000).due == 2
    assert backlog.backlog(engine, portals=["east", "west"], lead_ms=1000).due == 3
    assert backlog.backlog(engine, portals=[], lead_ms=1000) == Backlog(due=0, claimed=0, due_within_lead=0)


def test_offers_are_found_by_index_not_by_reading_every_batch(engine, make_run):
    make_run().due_at(*range(0, 3_000_000, 300)).published()
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))  # as dispatch asks; there are no statistics of what was just stored
        for statement, values in (
            (dispatch.UPCOMING, {"horizon_ms": 60_000, "limit": 100, "portals": None, "ids": [], "versions": [], "throughs": []}),
            (dispatch.OVERDUE, {"limit": 100, "portals": ["default"]}),
        ):
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {statement}"), values))
            assert "batches_shared_unfinished" in plan
            assert "Seq Scan on batches" not in plan
