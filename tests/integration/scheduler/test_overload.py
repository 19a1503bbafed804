"""A portal that has more due than it can take: what falls due is left to the ledger, whose order is the fair one."""

from __future__ import annotations

import pytest

from simulation_core.queue.jobs import SCHEDULED


@pytest.fixture
def overloaded(ledger, dispatcher, waiting, redis):
    """A big run fills the queue and falls due faster than the workers take; then a small run is overdue, and five places become free."""
    ledger.publish(*range(-1_000, -900), *range(30_000, 30_100))
    dispatcher.tick()
    assert (len(waiting.queued()), len(waiting.scheduled)) == (20, 100)
    dispatcher.tick()
    small = ledger.publish(-1)
    for name in waiting.scheduled:
        redis.zadd(SCHEDULED, {name: 1})
    waiting.worker_takes(5)
    return f"{small}-0-1"


def test_what_falls_due_meanwhile_doesnt_take_a_small_runs_turn(overloaded, dispatcher, scheduler, waiting):
    result = scheduler.move_due()
    assert (result.moved, result.held) == (0, 100)
    dispatcher.tick()
    assert overloaded in waiting.queued()


def test_if_the_mover_took_the_free_places_the_small_run_would_starve(overloaded, dispatcher, scheduler, waiting):
    scheduler.behind = ()
    scheduler.move_due()
    dispatcher.tick()
    assert overloaded not in waiting.queued()


def test_other_portals_get_what_falls_due_at_once(ledger, dispatcher, scheduler, waiting, redis):
    ledger.publish(*range(-30, 0), portal="east")
    ledger.publish(30_000, portal="west")
    dispatcher.tick()
    assert scheduler.behind == {"simulation-deliver-east"}
    redis.zadd(SCHEDULED, {waiting.scheduled[0]: 1})
    assert scheduler.move_due().moved == 1  # another portal isn't held up


def test_a_portal_with_room_is_not_behind(ledger, dispatcher, scheduler):
    ledger.publish(*range(-19, 0))
    dispatcher.tick()
    assert scheduler.behind == frozenset()


def test_the_mover_knows_the_ceilings_before_the_first_tick(dispatcher, scheduler):
    assert scheduler.ceilings == {"simulation-deliver-east": 20, "simulation-deliver-west": 40}
