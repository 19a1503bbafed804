"""What one worker meets, all keep: a pause HubSpot asked for, and a circuit that opened because HubSpot fails."""

from __future__ import annotations

from typing import Any

from redis import Redis

from simulation_core.reasons import Reason
from simulation_worker.budget.accounting import FAILURES_TO_OPEN
from simulation_worker.budget.purse import Purse
from simulation_worker.crm.errors import PausedError


def refused(worker: Any, purse: Purse | None = None) -> PausedError | None:
    try:
        worker.budget.wait(purse or Purse())
    except PausedError as paused:
        return paused
    return None


def fail(worker: Any, times: int = FAILURES_TO_OPEN) -> int:
    return [worker.budget.failed(1_000) for _ in range(times)][-1]


def test_a_pause_is_kept_by_all_also_in_the_middle_of_a_load(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    purse = Purse([0.0, 0.0])
    assert refused(second, purse) is None
    first.budget.pause(Reason.PORTAL_THROTTLED, 7_000)
    second.budget.look()
    stopped = refused(second, purse)
    assert stopped is not None
    assert stopped.reason is Reason.PORTAL_THROTTLED
    assert 6_000 < stopped.wait_ms <= 7_000
    assert second.budget.shut_for_s > 6


def test_a_worker_that_did_not_look_hears_of_it_when_it_asks_for_a_call(budgets: Any) -> None:
    budgets.worker().budget.pause(Reason.DAILY_LIMIT_REACHED, 3_600_000)
    late = refused(budgets.worker())
    assert late is not None
    assert late.reason is Reason.DAILY_LIMIT_REACHED


def test_the_longest_pause_counts(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    first.budget.pause(Reason.DAILY_LIMIT_REACHED, 60_000)
    second.budget.pause(Reason.PORTAL_THROTTLED, 10_000)
    third = budgets.worker()
    third.budget.look()
    assert 50 < third.budget.shut_for_s <= 60


def test_a_pause_outlasts_a_redis_that_is_wiped_where_it_is_known(budgets: Any, redis: Redis) -> None:
    worker = budgets.worker()
    worker.budget.pause(Reason.PORTAL_THROTTLED, 9_000)
    redis.flushall()
    worker.budget.look()
    assert worker.budget.shut_for_s > 8


def test_failures_of_all_workers_open_the_circuit_and_a_success_in_between_does_not_let_it_come_to_that(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    assert fail(first, FAILURES_TO_OPEN - 1) == 0
    first.budget.served(first.budget.view.generation)
    assert fail(second, FAILURES_TO_OPEN - 1) == 0
    assert refused(first) is None
    assert fail(first, 1) > 0
    second.budget.look()
    stopped = refused(second)
    assert stopped is not None
    assert stopped.reason is Reason.CIRCUIT_OPEN
    assert second.metric("circuit_state") == 2


def test_after_it_was_open_one_worker_tries_and_the_others_wait(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    fail(first)
    budgets.end_pause(first, second)
    assert refused(second) is None
    waiting = refused(first)
    assert waiting is not None
    assert waiting.wait_ms <= 1_000
    second.budget.look()
    assert (second.budget.view.trying, second.metric("circuit_state")) == (True, 1)
    second.budget.served(second.budget.view.generation)
    budgets.end_pause(first)
    assert refused(first) is None
    assert second.metric("circuit_state") == 0


def test_without_the_trial_all_would_try_at_once(budgets: Any, broken: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    fail(first)
    budgets.end_pause(first, second)
    for worker in (first, second):
        broken(worker, "draw", "it.shut = LOOK_AGAIN_US", "it.trying = true")
    assert refused(second) is None
    assert refused(first) is None


def test_each_try_that_fails_keeps_it_open_for_longer(budgets: Any) -> None:
    worker = budgets.worker()
    waits = [fail(worker)]
    for _ in range(6):
        budgets.end_pause(worker)
        assert refused(worker) is None
        waits.append(fail(worker, 1))
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]


def test_what_was_under_way_since_before_neither_closes_it_nor_counts_against_it(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker()
    began = second.budget.view.generation
    assert fail(first) == 1_000
    assert fail(second, 3) <= 1_000  # late answers of the same outage
    second.budget.served(began)
    third = budgets.worker()
    assert refused(third) is not None
    assert fail(third, 1) <= 1_000


def test_a_trial_that_is_never_ended_is_another_workers_after_a_minute(budgets: Any, redis: Redis) -> None:
    first, second = budgets.worker(), budgets.worker()
    fail(first)
    budgets.end_pause(first)
    assert refused(first) is None
    assert refused(second) is not None
    redis.hset(budgets.key, "trial", 1)  # rather than waiting for it
    budgets.end_pause(second)
    assert refused(second) is None
