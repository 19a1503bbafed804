"""What one tick of the dispatcher brings from the ledger into Redis."""

from __future__ import annotations

import pytest

from simulation_core.errors import QueueUnavailableError
from simulation_core.ledger import claims, control, dispatch, errands
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import Claimed
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.queue.epoch import Epoch
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import parse_job_id
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.reasons import Reason
from simulation_operator.scheduler import dispatcher as dispatching
from simulation_operator.scheduler import walk
from simulation_operator.scheduler.dispatcher import TRUSTED_TICKS, Dispatcher, TickResult


def test_what_falls_due_within_the_horizon_is_scheduled_for_its_moment(redis, ledger, dispatcher, waiting):
    run = ledger.publish(10_000, 20_500, 500_000)
    assert dispatcher.tick() == TickResult(upcoming=2)
    assert waiting.scheduled == [f"{run}-0-1", f"{run}-1-1"]
    assert round((redis.zscore(SCHEDULED, f"{run}-1-1") - redis.zscore(SCHEDULED, f"{run}-0-1")) * 1000) == 10_500
    assert waiting.queued() == []


def test_ticking_again_offers_nothing_twice_in_any_replica(engine, redis, ledger, dispatcher, waiting, portals_path):
    ledger.publish(-1, 10_000, 20_500)
    other = Dispatcher(engine, BulkScheduler(redis), PortalsFile(portals_path))
    assert dispatcher.tick() == TickResult(upcoming=2, overdue=1)
    assert [other.tick(), dispatcher.tick(), other.tick()] == [TickResult()] * 3
    assert (len(waiting.scheduled), len(waiting.queued())) == (2, 1)


def test_what_is_overdue_is_fed_by_two_seconds_of_each_portals_budget(ledger, dispatcher, waiting):
    ledger.publish(*range(-1000, -900))
    ledger.publish(*range(-1000, -900), portal="west")
    assert dispatcher.tick().overdue == 20 + 40
    assert (len(waiting.queued("east")), len(waiting.queued("west"))) == (20, 40)
    assert dispatcher.tick().overdue == 0
    waiting.worker_takes(5)
    assert dispatcher.tick().overdue == 5


def test_a_big_run_never_starves_a_small_one(ledger, dispatcher, waiting):
    big = ledger.publish(*range(-1_000, 0))
    small = ledger.publish(-10, -9)
    dispatcher.tick()
    turns = [str(parse_job_id(name).simulation_id) for name in waiting.queued()]
    assert turns[:5] == [str(big), str(small), str(big), str(small), str(big)]


def test_a_burst_beyond_a_portals_budget_waits_in_the_ledger_where_a_small_run_gets_its_turn(ledger, dispatcher, scheduler, waiting, redis):
    big = ledger.publish(*[30_000] * 500)
    dispatcher.tick()
    for name in waiting.scheduled:
        redis.zadd(SCHEDULED, {name: 1})
    scheduler.enqueue_jobs()
    assert len(waiting.queued()) == 20
    small = ledger.publish(-1)
    waiting.worker_takes(20)
    dispatcher.tick()
    assert waiting.queued() == [f"{small}-0-1"]  # in the ledger the big one isn't due yet
    assert big


def test_a_lost_queue_is_noticed_and_everything_is_offered_again(redis, ledger, dispatcher, waiting):
    ledger.publish(-10, -5, *range(10_000, 10_100))
    first = dispatcher.tick()
    redis.flushall()
    again = dispatcher.tick()
    assert (again.upcoming, again.overdue, again.queue_lost) == (first.upcoming, first.overdue, True)
    assert (len(waiting.scheduled), len(waiting.queued())) == (100, 2)
    assert dispatcher.tick() == TickResult()


def test_a_loss_no_counter_shows_is_made_good_within_a_few_ticks(redis, ledger, dispatcher, waiting):
    ledger.publish(*range(40_000, 40_010))
    dispatcher.tick()
    redis.delete(SCHEDULED)  # as after falling back to a state from between the epoch and the offers of that tick
    assert [dispatcher.tick().upcoming for _ in range(TRUSTED_TICKS)].count(10) == 1
    assert len(waiting.scheduled) == 10


@pytest.fixture
def read(monkeypatch):
    """How many batches each page had."""
    sizes = []
    page = dispatch.page

    def counted(*given, **named):
        found = page(*given, **named)
        sizes.append(len(found.offers))
        return found

    monkeypatch.setattr(dispatch, "page", counted)
    return sizes


def test_a_tick_reads_only_what_came_into_the_horizon_since(ledger, dispatcher, read):
    ledger.publish(*range(10_000, 10_100))
    dispatcher.tick()
    dispatcher.tick()
    assert read == [100, 0]


def test_a_horizon_of_many_pages_is_offered_whole(ledger, dispatcher, waiting, read, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 10)
    ledger.publish(*range(10_000, 10_035))
    ledger.publish(*[20_000] * 25)  # of one moment: one page
    assert dispatcher.tick() == TickResult(upcoming=60)
    assert [size for size in read if size] == [5 + 25, 10, 10, 10]
    assert len(waiting.scheduled) == 60
    read.clear()
    assert dispatcher.tick() == TickResult()
    assert read == [0]


def test_what_a_tick_has_no_time_for_the_next_one_goes_on_with(ledger, dispatcher, read, monkeypatch):
    monkeypatch.setattr(walk, "PAGE", 10)
    monkeypatch.setattr(dispatching, "UPCOMING_SECONDS", 0.0)
    ledger.publish(*range(10_000, 10_025))
    assert [dispatcher.tick().upcoming for _ in range(4)] == [10, 10, 5, 0]


def test_a_run_published_later_is_on_time_even_if_it_is_due_before_the_others(ledger, dispatcher, waiting):
    ledger.publish(10_000, 50_000)
    dispatcher.tick()
    late = ledger.publish(5_000)
    assert dispatcher.tick() == TickResult(upcoming=1)
    assert waiting.scheduled[0] == f"{late}-0-1"


def test_a_resumed_run_is_on_time_though_its_jobs_are_gone(engine, redis, ledger, dispatcher, waiting):
    run = ledger.publish(20_000, 30_000)
    dispatcher.tick()
    control.suspend(engine, run)
    dispatcher.tick()
    redis.delete(SCHEDULED, *redis.keys("rq:job:*"))
    control.resume(engine, run)
    assert dispatcher.tick() == TickResult(upcoming=2)
    assert len(waiting.scheduled) == 2


def test_what_is_to_be_tried_again_is_scheduled_for_then(engine, ledger, dispatcher, waiting):
    run = ledger.publish(-10)
    dispatcher.tick()
    waiting.worker_takes(1)
    (claimed,) = claims.claim(engine, [parse_job_id(f"{run}-0-1")], lease_ms=60_000)
    claims.release(engine, [claimed.fence], retry_after_ms=20_000)
    assert dispatcher.tick() == TickResult(upcoming=1)
    assert waiting.scheduled == [f"{run}-0-2"]


def test_everything_is_offered_again_page_by_page(redis, ledger, dispatcher, waiting, monkeypatch):
    ledger.publish(*range(40_000, 40_025))
    dispatcher.tick()
    redis.delete(SCHEDULED)
    monkeypatch.setattr(walk, "PAGE", 10)
    monkeypatch.setattr(dispatching, "RECONCILE_SECONDS", 0.0)
    added = [dispatcher.tick().upcoming for _ in range(TRUSTED_TICKS + 2)]
    assert [each for each in added if each] == [10, 10, 5]
    assert len(waiting.scheduled) == 25


def test_without_the_epoch_an_emptied_queue_would_stay_empty(redis, ledger, dispatcher, waiting, monkeypatch):
    ledger.publish(*range(40_000, 40_010))
    dispatcher.tick()
    monkeypatch.setattr(Epoch, "lost", lambda _: False)
    redis.flushall()
    assert dispatcher.tick().upcoming == 0
    assert waiting.scheduled == []


def test_without_the_reconcile_a_loss_no_counter_shows_would_last(redis, ledger, dispatcher, waiting, monkeypatch):
    ledger.publish(*range(40_000, 40_010))
    dispatcher.tick()
    redis.delete(SCHEDULED)
    monkeypatch.setattr(dispatching, "TRUSTED_TICKS", 10**9)
    assert not any(dispatcher.tick().upcoming for _ in range(TRUSTED_TICKS + 2))
    assert waiting.scheduled == []


def test_a_page_that_could_not_be_offered_is_offered_by_the_next_tick(ledger, dispatcher, scheduler, waiting, monkeypatch):
    ledger.publish(*range(10_000, 10_010))

    def away(offers):
        raise QueueUnavailableError("Redis: away")

    with monkeypatch.context() as patched:
        patched.setattr(scheduler, "schedule_offers", away)
        assert dispatcher.tick().problem is Reason.QUEUE_UNAVAILABLE
    assert dispatcher.tick() == TickResult(upcoming=10)
    assert len(waiting.scheduled) == 10


def test_a_queue_holds_as_many_batches_as_its_portals_calls_carry_records(ledger, dispatcher, waiting):
    ledger.publish(*range(-1000, -800), records_a_batch=5)  # east takes 20 records in two seconds
    dispatcher.tick()
    dispatcher.tick()
    assert len(waiting.queued()) == 4


def test_single_lost_jobs_come_back_once_they_are_overdue(redis, ledger, dispatcher, waiting):
    run = ledger.publish(-60_000, -10)
    dispatcher.tick()
    waiting.worker_takes(1)
    assert dispatcher.tick().overdue == 1
    assert sorted(waiting.queued()) == [f"{run}-0-1", f"{run}-1-1"]


def test_what_is_claimed_or_suspended_is_not_offered(engine, redis, ledger, dispatcher, waiting):
    run, idle = ledger.publish(-10, -5), ledger.publish(-10, 10_000)
    dispatcher.tick()
    (claimed,) = claims.claim(engine, [parse_job_id(f"{run}-0-1")], lease_ms=60_000)
    assert isinstance(claimed, Claimed)
    control.suspend(engine, idle)
    redis.flushall()
    dispatcher.tick()
    assert (waiting.queued(), waiting.scheduled) == ([f"{run}-1-1"], [])


def test_a_portal_nobody_configured_waits_until_somebody_does(ledger, dispatcher, waiting, portals_path):
    ledger.publish(-10, 10_000, portal="north")
    assert dispatcher.tick() == TickResult()
    portals_path.write_text(portals_path.read_text() + "- {name: north, allowedNamespaces: ['*']}\n")
    assert dispatcher.tick() == TickResult(upcoming=1, overdue=1)


def test_a_moved_job_can_be_claimed_at_once(engine, ledger, dispatcher, scheduler, waiting, until):
    run = ledger.publish(*range(300, 800, 25))
    dispatcher.tick()
    claimed = 0

    def moved_and_claimed():
        nonlocal claimed
        scheduler.move_due()
        names = waiting.queued()
        waiting.worker_takes(len(names))
        results = claims.claim(engine, [parse_job_id(name) for name in names], lease_ms=60_000)
        assert all(isinstance(result, Claimed) for result in results), results
        claimed += len(results)
        return claimed == 20

    until(moved_and_claimed)
    assert run


def test_an_absent_postgres_is_named_not_raised(scheduler, portals_path):
    away = create_ledger_engine("postgresql://nobody@127.0.0.1:1/none", application_name="test")
    result = Dispatcher(away, scheduler, PortalsFile(portals_path)).tick()
    assert result.problem is Reason.DATABASE_UNAVAILABLE
    assert result.message
    away.dispose()


def test_an_absent_redis_is_named_not_raised(engine, ledger, portals_path):
    ledger.publish(-10)
    result = Dispatcher(engine, BulkScheduler(connect("redis://127.0.0.1:1")), PortalsFile(portals_path)).tick()
    assert result.problem is Reason.QUEUE_UNAVAILABLE
    assert "refused" in result.message


def test_errands_are_offered_once_to_the_queue_of_their_kind(engine, redis, ledger, dispatcher):
    run, other = ledger.publish(500_000), ledger.publish(500_000, portal="west")
    errands.ask(engine, run, "verify")
    errands.ask(engine, run, "archive", wait_ms=30_000)
    errands.ask(engine, other, "verify")
    assert dispatcher.tick() == TickResult(errands=3)
    assert dispatcher.tick() == TickResult()
    assert redis.lrange("rq:queue:simulation-verify-east", 0, -1) == [f"verify-{run}-0-1".encode()]
    assert redis.lrange("rq:queue:simulation-verify-west", 0, -1) == [f"verify-{other}-0-1".encode()]
    assert redis.zrange(SCHEDULED, 0, -1) == [f"archive-{run}-0-1".encode()]
