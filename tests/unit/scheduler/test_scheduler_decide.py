"""What is offered, as a table of decisions."""

from __future__ import annotations

import pytest

from simulation_core.portals import Portal, Portals
from simulation_operator.scheduler.decide import MOST_QUEUED, Feed, behind, by_queue, ceiling, ceilings, feeds


def portals(**calls_per_ten_seconds):
    return Portals(
        {name: Portal(name=name, calls_per_ten_seconds=calls, allowed_namespaces=("*",)) for name, calls in calls_per_ten_seconds.items()}
    )


@pytest.mark.parametrize(("records_a_batch", "jobs"), [(100, 38), (50, 76), (2.5, 1520), (1, 3800)])
def test_a_queue_holds_two_seconds_of_full_calls_whatever_the_size_of_its_batches(records_a_batch, jobs):
    assert ceiling(portals(east=190)["east"], records_a_batch) == jobs


@pytest.mark.parametrize(("calls_per_ten_seconds", "records_a_batch", "jobs"), [(1, 100, 1), (10_000, 1, MOST_QUEUED)])
def test_the_smallest_budget_gets_one_and_the_largest_no_more_than_a_tick_can_read(calls_per_ten_seconds, records_a_batch, jobs):
    assert ceiling(portals(east=calls_per_ten_seconds)["east"], records_a_batch) == jobs


def test_a_portal_of_whose_batches_nothing_is_known_may_hold_as_many_as_if_each_had_one_record():
    found = ceilings(portals(east=190, west=100), {"east": 100.0})
    assert found == {"east": 38, "west": 2000}
    assert by_queue(found) == {"simulation-deliver-east": 38, "simulation-deliver-west": 2000}


def test_portals_with_work_are_fed():
    assert feeds(["east", "west"], {"east": 38, "west": 20}, {}) == [Feed(portal="east", limit=38), Feed(portal="west", limit=20)]


def test_a_portal_whose_queue_is_full_waits_and_the_others_dont():
    assert feeds(["east", "west"], {"east": 38, "west": 20}, {"east": 38, "west": 19}) == [Feed(portal="west", limit=20)]


def test_a_portal_nobody_configured_is_not_fed():
    assert feeds(["gone"], {"east": 38}, {}) == []


def test_a_portal_is_behind_if_its_queue_is_full_or_the_ledger_named_all_it_was_asked_for():
    fed = [Feed(portal="east", limit=38), Feed(portal="west", limit=20)]
    assert behind(fed, ["east", "full", "west"], {"east": 38, "west": 19}) == {"simulation-deliver-east", "simulation-deliver-full"}
