"""No ten seconds hold more calls than HubSpot allows, however many workers there are."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from redis import Redis

from simulation_core.errors import QueueUnavailableError
from simulation_core.queue.connection import connect
from simulation_core.reasons import Reason
from simulation_worker.budget.purse import Purse
from simulation_worker.crm.errors import PausedError


def spend(worker: Any, calls: int, purse: Purse | None = None) -> None:
    for _ in range(calls):
        worker.budget.wait(purse or Purse())
        worker.waits.called()


def most_within(seconds: float, moments_s: list[float]) -> int:
    return max(sum(first <= moment < first + seconds for moment in moments_s) for first in moments_s)


def most_in_ten_seconds(moments_s: list[float]) -> int:
    return most_within(10, moments_s)


def exceeds(workers: list[Any]) -> int:
    """Each calls as often as it may for a quarter of a minute; how many calls there were in the fullest ten seconds."""

    def until_it_would_wait_too_long(worker: Any) -> None:
        with pytest.raises(PausedError):
            spend(worker, 1_000)

    threads = [threading.Thread(target=until_it_would_wait_too_long, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most_in_ten_seconds([moment for worker in workers for moment in worker.waits.moments_s])


def test_several_workers_together_keep_the_limit_after_a_rest(budgets: Any) -> None:
    workers = [budgets.worker() for _ in range(4)]
    budgets.rest()
    assert 180 <= exceeds(workers) <= 190


def test_without_one_budget_for_all_they_would_not(budgets: Any) -> None:
    assert exceeds([budgets.worker(token=f"of app {number}") for number in range(2)]) > 190


def test_a_missing_budget_starts_empty_because_redis_may_have_been_wiped_after_a_burst(budgets: Any, redis: Redis) -> None:
    worker = budgets.worker()
    budgets.rest()
    spend(worker, 15)
    redis.flushall()
    spend(worker, 15)
    moments = worker.waits.moments_s
    assert moments[14] - moments[0] < 0.5
    assert moments[29] - moments[15] > 0.7


def test_a_full_one_would_be_exceeded(budgets: Any, redis: Redis, broken: Any) -> None:
    worker = budgets.worker()
    broken(worker, "draw", "it.tat = now_us + tolerance", "it.tat = 0")
    spend(worker, 15)
    redis.flushall()
    spend(worker, 15)
    moments = worker.waits.moments_s
    assert moments[29] - moments[15] < 0.5


def test_another_token_is_another_budget(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker(token="another")
    with pytest.raises(PausedError):
        spend(first, 1_000)
    spend(second, 1)


def test_the_searches_have_five_a_second_of_their_own(budgets: Any) -> None:
    first, second = budgets.worker(), budgets.worker(token="another app of the account")
    for worker in (first, second):
        worker.budget.of_account(777)
    for _ in range(40):
        for worker in (first, second):
            try:
                worker.budget.wait(Purse(), search=True)
            except PausedError:
                continue
            worker.waits.called()
    moments_s = first.waits.moments_s + second.waits.moments_s
    assert most_within(1, moments_s) <= 5
    assert most_within(10, moments_s) >= 35
    budgets.worker().budget.wait(Purse([0.0]))  # the others are not held up


def test_what_hubspot_allows_counts_from_the_next_call_on(budgets: Any) -> None:
    worker = budgets.worker()
    headers = {"X-HubSpot-RateLimit-Max": "50", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
    worker.budget.learn(headers)
    assert 45 <= exceeds([worker]) <= 50
    assert worker.metric("budget_calls_per_ten_seconds") == 50


def test_what_a_load_did_not_need_is_for_others(budgets: Any) -> None:
    worker = budgets.worker()
    budgets.rest()
    worker.budget.give_back(Purse([0.0] * 10))
    gate = worker.budget.gate(1, 1)
    assert gate.given_back == 10
    assert worker.budget.gate(1, 1).given_back == 0
    assert worker.metric("budget_tokens_total", what="given back") == 10


def test_without_redis_a_worker_keeps_to_its_share_and_says_so(budgets: Any, caplog: pytest.LogCaptureFixture) -> None:
    away = connect("redis://127.0.0.1:1")
    worker = budgets.worker(redis=away)
    worker.budget._workers = 4
    spend(worker, 60)
    assert most_in_ten_seconds(worker.waits.moments_s) <= 190 / 4
    assert caplog.text.count("calls at one 4th of the limit") == 1
    assert worker.metric("budget_alone") == 1
    with pytest.raises(QueueUnavailableError):
        worker.budget.look()
    worker.budget.pause(Reason.PORTAL_THROTTLED, 5_000)  # what it can't tell others it keeps itself
    with pytest.raises(PausedError):
        spend(worker, 1)
    away.close()


def test_nothing_in_redis_shows_the_token(budgets: Any, redis: Redis) -> None:
    worker = budgets.worker()
    spend(worker, 1)
    worker.budget.pause(Reason.PORTAL_THROTTLED, 1)
    (key,) = redis.scan_iter()
    assert b"secret" not in key
    assert not any(b"secret" in name + value for name, value in redis.hgetall(key).items())
