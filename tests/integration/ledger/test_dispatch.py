"""What is offered: what falls due soon, and what is overdue, fairly."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from simulation_core.ledger import backlog, claims, control, dispatch, errands, finishes, portals
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.sql import IN_INDEX_ORDER
from simulation_core.ledger.values import Backlog, Finish, Outcome, RecordResult
from simulation_core.reasons import Reason

NO_MARKS = {"ids": [], "versions": [], "throughs": [], "mores": []}


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


def test_within_a_turn_who_was_never_served_comes_first_then_whose_turn_lies_furthest_back(engine, make_run):
    first, second, third, fourth = (make_run().started_ms_ago(100_000 - late).due_at(0, 1).published().id for late in (0, 10, 20, 30))
    offers = dispatch.overdue(engine, "default", limit=6, served=[second, first])
    assert [(offer.simulation_id, offer.batch) for offer in offers] == [
        (third, 0),
        (fourth, 0),
        (second, 0),
        (first, 0),
        (third, 1),
        (fourth, 1),
    ]


def test_a_run_with_much_fills_what_the_others_leave(engine, make_run):
    for _ in range(10):
        make_run().started_ms_ago(0).due_at(100_000).published()
    many = make_run().started_ms_ago(1_000_000).due_at(*range(60)).published()
    one = make_run().started_ms_ago(1_000).due_at(0).published()
    offers = dispatch.overdue(engine, "default", limit=40)
    assert [offer.batch for offer in offers if offer.simulation_id == many.id] == list(range(39))
    assert offers[1].simulation_id == one.id
    assert len(dispatch.overdue(engine, "default", limit=100)) == 61


def test_a_runs_earliest_come_first_also_beside_claims_that_ran_out(engine, make_run):
    run = make_run().started_ms_ago(1_000).due_at(*range(12)).published()
    for _ in range(9):
        make_run().started_ms_ago(0).due_at(100_000).published()
    for batch in range(4):
        run.claimed(batch + 8)
        run.lease_runs_out(batch + 8)
    assert [offer.batch for offer in dispatch.overdue(engine, "default", limit=4)] == list(range(4))


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


def backlog_of(engine, *portals):
    return backlog.backlog(engine, portals=portals, lead_ms=60_000)


def test_what_a_portal_with_a_problem_has_due_wants_one_worker_to_try(engine, make_run):
    east = make_run().spec(portal="east").started_ms_ago(1_000).due_at(0, 1, 2, 30_000).published()
    make_run().spec(portal="west").started_ms_ago(1_000).due_at(0, 1, 2, 30_000).published()
    errands.ask(engine, east.id, "verify")
    assert backlog_of(engine, "east", "west") == Backlog(due=7, claimed=0, due_within_lead=2)
    portals.report(engine, "east", Reason.DAILY_LIMIT_REACHED, "The day's calls are made.", 3_600_000)
    assert backlog_of(engine, "east", "west") == Backlog(due=4, claimed=0, due_within_lead=1)
    assert backlog_of(engine, "east") == Backlog(due=1, claimed=0, due_within_lead=0)
    portals.clear(engine, "east")
    assert backlog_of(engine, "east").due == 4


def test_a_portal_with_a_problem_that_has_only_something_soon_is_tried_then(engine, make_run):
    make_run().started_ms_ago(0).due_at(30_000, 30_001).published()
    portals.report(engine, "default", Reason.PORTAL_UNAVAILABLE, "", 3_600_000)
    assert backlog_of(engine, "default") == Backlog(due=0, claimed=0, due_within_lead=1)
    assert backlog_of(engine, "other") == Backlog(due=0, claimed=0, due_within_lead=0)


def test_a_problem_that_is_over_or_one_runs_own_holds_up_no_worker(engine, make_run):
    run = make_run().started_ms_ago(1_000).due_at(0, 1, 2).published()
    portals.report(engine, "default", Reason.PORTAL_UNAVAILABLE, "", 0)
    portals.report(engine, portals.run_on("default", run.id), Reason.NOT_IN_PORTAL, "", 3_600_000)
    assert backlog_of(engine, "default").due == 3


def test_content_is_made_also_for_a_portal_with_a_problem(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(3_000_000).published()
    portals.report(engine, "default", Reason.DAILY_LIMIT_REACHED, "", 3_600_000)
    for page in range(5):
        errands.ask(engine, run.id, "prepare", number=page)
    assert backlog_of(engine, "default").due == 5


def test_offers_are_found_by_index_not_by_reading_every_batch(engine, make_run):
    make_run().due_at(*range(0, 3_000_000, 300)).published()
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))  # as dispatch asks; there are no statistics of what was just stored
        for statement, values in (
            (dispatch.UPCOMING, {**NO_MARKS, "horizon_ms": 60_000, "limit": 100, "few": 4, "portals": None}),
            (dispatch.OVERDUE, {"limit": 100, "portals": ["default"], "served": [], "shares": 2}),
        ):
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {statement}"), values))
            assert "batches_shared_unfinished" in plan
            assert "Seq Scan on batches" not in plan


HORIZON_MS = 60_000


def walked(engine, limit, marks=None):
    """The batches of each page up to the horizon, and the marks at the end."""
    pages = []
    while True:
        page = dispatch.page(engine, marks or {}, horizon_ms=HORIZON_MS, limit=limit, few=1)
        pages.append([offer.batch for offer in page.offers])
        marks = page.marks
        if page.complete:
            return pages, marks


def test_each_page_has_of_each_run_what_is_next_by_due_time_and_none_comes_twice(engine, make_run):
    first = make_run().started_ms_ago(0).due_at(*range(10_000, 15_000, 1_000)).published()
    second = make_run().started_ms_ago(0).due_at(*range(10_500, 15_500, 1_000)).published()
    pages, marks = [], {}
    while True:
        page = dispatch.page(engine, marks, horizon_ms=HORIZON_MS, limit=4, few=1)
        pages.append([(offer.simulation_id, offer.batch) for offer in page.offers])
        marks = page.marks
        if page.complete:
            break
    turns = [(run.id, batch) for batch in range(5) for run in (first, second)]
    assert pages == [turns[:4], turns[4:8], turns[8:]]


def test_what_was_left_in_the_middle_gets_the_next_page_and_the_others_only_what_is_new(engine, make_run):
    sparse = [make_run().started_ms_ago(0).due_at(20_000).published() for _ in range(4)]
    dense = make_run().started_ms_ago(0).due_at(*range(10_000, 10_030)).published()
    pages, marks = walked(engine, 10)
    assert [len(page) for page in pages] == [2 + len(sparse), 10, 10, 8]
    assert not any(mark.more for mark in marks.values())
    assert dense.id in marks


def test_after_the_last_page_only_what_comes_into_the_horizon_is_read(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(10_000, 20_000, 65_000, 500_000).published()
    _, marks = walked(engine, 10)
    assert walked(engine, 10, marks)[0] == [[]]
    further = dispatch.page(engine, marks, horizon_ms=HORIZON_MS + 10_000, limit=10)
    assert [offer.batch for offer in further.offers] == [2]
    assert set(marks) == {run.id}


def test_batches_of_one_moment_come_in_one_page(engine, make_run):
    make_run().started_ms_ago(0).due_at(*[10_000] * 7, 20_000).published()
    pages, _ = walked(engine, 3)
    assert sorted(pages[0]) == list(range(7))
    assert pages[1] == [7]


def test_a_page_that_ended_within_a_moment_would_lose_the_rest_of_it(engine, make_run, monkeypatch):
    make_run().started_ms_ago(0).due_at(*[10_000] * 7, 20_000).published()
    assert dispatch.UPCOMING.count("ROWS WITH TIES") == 1
    monkeypatch.setattr(dispatch, "UPCOMING", dispatch.UPCOMING.replace("ROWS WITH TIES", "ROWS ONLY"))
    with pytest.raises(AssertionError):
        assert sorted(batch for page in walked(engine, 3)[0] for batch in page) == list(range(8))


def resumed(engine, run):
    control.suspend(engine, run.id)
    control.resume(engine, run.id)


def shifted(engine, run):
    with transaction(engine) as connection:
        connection.execute(text("UPDATE simulations SET shift_milliseconds = shift_milliseconds + 5000 WHERE id = :id"), {"id": run.id})


@pytest.mark.parametrize("changed", [resumed, shifted])
def test_a_run_that_changed_is_walked_anew_and_the_others_are_not(engine, make_run, changed):
    run = make_run().started_ms_ago(0).due_at(10_000, 20_000).published()
    make_run().started_ms_ago(0).due_at(11_000).published()
    _, marks = walked(engine, 10)
    changed(engine, run)
    again = dispatch.page(engine, marks, horizon_ms=HORIZON_MS, limit=10).offers
    assert [(offer.simulation_id, offer.batch) for offer in again] == [(run.id, 0), (run.id, 1)]


@pytest.mark.parametrize("changed", [resumed, shifted])
def test_if_a_mark_held_for_any_version_a_changed_run_would_be_forgotten(engine, make_run, changed, monkeypatch):
    run = make_run().started_ms_ago(0).due_at(10_000, 20_000).published()
    _, marks = walked(engine, 10)
    changed(engine, run)
    assert " AND mark.version = live.version" in dispatch.UPCOMING
    monkeypatch.setattr(dispatch, "UPCOMING", dispatch.UPCOMING.replace(" AND mark.version = live.version", ""))
    with pytest.raises(AssertionError):
        assert walked(engine, 10, marks)[0] == [[0, 1]]


def test_a_run_published_later_is_walked_from_now_on_whatever_the_others_marks(engine, make_run):
    make_run().started_ms_ago(0).due_at(10_000, 50_000).published()
    _, marks = walked(engine, 10)
    late = make_run().started_ms_ago(0).due_at(5_000, 20_000).published()
    _, marks = walked(engine, 10, marks)
    assert late.id in marks
    assert walked(engine, 10, marks)[0] == [[]]


def test_only_the_portals_asked_for_are_walked_and_another_one_anew_when_it_is(engine, make_run):
    make_run().spec(portal="east").started_ms_ago(0).due_at(10_000).published()
    marks = dispatch.page(engine, {}, horizon_ms=HORIZON_MS, limit=10, portals=["west"]).marks
    assert marks == {}
    assert len(dispatch.page(engine, marks, horizon_ms=HORIZON_MS, limit=10, portals=["west", "east"]).offers) == 1


def test_what_waits_to_be_tried_again_comes_beside_the_pages_and_never_in_both(engine, make_run):
    run = make_run().started_ms_ago(0).due_at(0, 10_000).published()
    claims.release(engine, [run.claimed(0).fence], retry_after_ms=20_000)
    assert [offer.batch for offer in dispatch.page(engine, {}, horizon_ms=HORIZON_MS, limit=10).offers] == [1]
    assert [(offer.batch, offer.attempt) for offer in dispatch.waiting(engine, horizon_ms=HORIZON_MS, limit=10)] == [(0, 2)]


def test_an_offer_knows_how_many_records_its_batch_has(engine, make_run):
    make_run().started_ms_ago(1000).due_at(0, 0, 0, 10_000, 10_000).batches_of(3).published()
    assert dispatch.overdue(engine, "default", limit=5).records.tolist() == [3]
    assert dispatch.page(engine, {}, horizon_ms=HORIZON_MS, limit=5).offers.records.tolist() == [2]
