"""What is offered, as a table of decisions."""

from __future__ import annotations

import uuid

from simulation_core.ledger.values import Offer
from simulation_core.portals import Portal, Portals
from simulation_operator.scheduler.decide import Feed, behind, ceiling, ceilings, feeds, not_yet_offered


def portals(**calls_per_ten_seconds):
    return Portals(
        {name: Portal(name=name, calls_per_ten_seconds=calls, allowed_namespaces=("*",)) for name, calls in calls_per_ten_seconds.items()}
    )


def offer(portal="east", batch=0):
    return Offer(simulation_id=uuid.UUID(int=1), batch=batch, attempt=1, portal=portal, due_ms=1)


def test_a_queue_holds_two_seconds_of_its_portals_budget():
    assert ceiling(portals(east=190)["east"]) == 38
    assert ceilings(portals(east=190, west=100)) == {"simulation-deliver-east": 38, "simulation-deliver-west": 20}


def test_the_smallest_budget_still_gets_one():
    assert ceiling(portals(east=1)["east"]) == 1


def test_portals_with_work_are_fed():
    assert feeds(["east", "west"], portals(east=190, west=100), {}) == [Feed(portal="east", limit=38), Feed(portal="west", limit=20)]


def test_a_portal_whose_queue_is_full_waits_and_the_others_dont():
    assert feeds(["east", "west"], portals(east=190, west=100), {"east": 38, "west": 19}) == [Feed(portal="west", limit=20)]


def test_a_portal_nobody_configured_is_not_fed():
    assert feeds(["gone"], portals(east=190), {}) == []


def test_a_portal_is_behind_if_its_queue_is_full_or_the_ledger_named_all_it_was_asked_for():
    fed = [Feed(portal="east", limit=38), Feed(portal="west", limit=20)]
    assert behind(fed, ["east", "full", "west"], {"east": 38, "west": 19}) == {"simulation-deliver-east", "simulation-deliver-full"}


def test_what_was_offered_in_the_last_tick_is_not_sent_again():
    assert not_yet_offered([offer(batch=1), offer(batch=2)], portals(east=1), {offer(batch=1)}) == [offer(batch=2)]


def test_a_batch_of_an_unknown_portal_is_not_put_into_a_queue_no_worker_serves():
    assert not_yet_offered([offer("gone"), offer("east")], portals(east=1), set()) == [offer("east")]
