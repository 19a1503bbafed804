"""A portal that has more due than it can take: what falls due is left to the ledger, whose order is the fair one."""

from __future__ import annotations

import pytest

from simulation_core.ledger import claims
from simulation_core.ledger.values import Status
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import parse_job_id
from simulation_operator.scheduler.turns import Turns


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


CEILING = 20  # of east


@pytest.fixture
def crowd(ledger):
    """More runs with an old backlog than the queue has places, and a small one that fell due just now."""
    old = [ledger.publish(*range(first, first + 100)) for first in range(-60_000, -60_000 + (CEILING + 2) * 1_000, 1_000)]
    return [*old, ledger.publish(-1)]


@pytest.mark.parametrize("taken_a_tick", [CEILING, 7])
def test_each_of_more_runs_than_the_queue_has_places_gets_its_turn_in_a_few_ticks(engine, ledger, crowd, dispatcher, waiting, taken_a_tick):
    for _ in range(len(crowd) // taken_a_tick + 1):
        dispatcher.tick()
        requests = [parse_job_id(name) for name in waiting.queued()[:taken_a_tick]]
        waiting.worker_takes(taken_a_tick)
        claims.claim(engine, requests, lease_ms=60_000)
    assert [ledger.run(run).status for run in crowd] == [Status.RUNNING] * len(crowd)


def test_by_due_time_alone_the_oldest_runs_would_take_each_place(engine, ledger, crowd, dispatcher, waiting, monkeypatch):
    monkeypatch.setattr(Turns, "served", lambda *_: [])
    for _ in range(10):
        dispatcher.tick()
        requests = [parse_job_id(name) for name in waiting.queued()]
        waiting.worker_takes(CEILING)
        claims.claim(engine, requests, lease_ms=60_000)
    assert [ledger.run(run).status for run in crowd] == [Status.RUNNING] * CEILING + [Status.QUEUED] * 3


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
