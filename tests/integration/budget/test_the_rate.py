"""No ten seconds hold more calls than HubSpot allows, however many workers there are."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from redis import Redis

from simulation_core.errors import QueueUnavailableError
from simulation_core.queue.connection import connect
from simulation_core.reasons import Reason
from simulation_worker.budget.keys import finding_key
from simulation_worker.budget.purse import Purse
from simulation_worker.crm.errors import PausedError
from simulation_worker.crm.quarantine import AT_ONCE


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
    now_s = time.monotonic()
    worker.budget.give_back(Purse([now_s - 60, *[now_s] * 10]))  # what a minute ago was free for a call is not free now
    assert worker.budget.gate(1).given_back == 10
    assert worker.budget.gate(1).given_back == 0
    assert worker.metric("budget_tokens_total", what="given back") == 10


def test_what_was_reserved_and_not_used_in_time_is_drawn_anew(budgets: Any) -> None:
    """Loads that a slow HubSpot held up, and then no more."""
    worker = budgets.worker()
    left_over = Purse([time.monotonic() - 5] * 60)
    spend(worker, 60, left_over)
    moments_s = worker.waits.moments_s
    assert moments_s[-1] - moments_s[0] > 3


def test_finding_the_bad_record_takes_a_tenth_of_the_limit_of_all_workers_together(budgets: Any) -> None:
    workers = [budgets.worker() for _ in range(10)]
    assert sum(worker.budget.grant(AT_ONCE) for worker in workers) == AT_ONCE
    assert budgets.worker(token="another").budget.grant(AT_ONCE) == AT_ONCE


def test_the_tenth_is_of_the_limit_that_hubspot_told(budgets: Any, redis: Redis) -> None:
    def gap_ms(worker: Any) -> int:
        redis.delete(finding_key(budgets.key))
        worker.budget.grant(AT_ONCE)
        worker.budget.grant(AT_ONCE)
        said = worker.budget._accounting.draw(finding_key(budgets.key), worker.budget.limit.finding, 1, patience_us=0)
        return round(said.wait_us / 1000)

    worker = budgets.worker()
    by_tier = gap_ms(worker)
    worker.budget.learn({"X-HubSpot-RateLimit-Max": "250", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"})
    assert gap_ms(worker) < by_tier


def errand_calls_s(workers: list[Any], calls: int) -> list[float]:
    """When the errands of these workers call, one after the other, counted from now."""
    now_s = time.monotonic()
    return [time.monotonic() - now_s + worker.budget.aside_s() for _ in range(calls) for worker in workers]


def test_errands_of_all_workers_share_a_quarter_while_any_of_them_delivers(budgets: Any, redis: Redis) -> None:
    """Also those of workers that deliver nothing themselves."""
    workers = [budgets.worker() for _ in range(4)]
    assert errand_calls_s(workers, 50)[-1] < 5  # as fast as the portal allows
    redis.zadd("rq:wip:simulation-deliver-default", {"job:another-worker": time.time() + 15})
    for worker in workers:
        worker.budget.look()
    assert 30 < most_in_ten_seconds(errand_calls_s(workers, 15)) <= 190 / 4


def test_what_waits_in_the_queue_counts_as_a_delivery(budgets: Any, redis: Redis) -> None:
    """Errands may be why it waits: a gate that finds no calls takes nothing, and nothing is under way."""
    worker = budgets.worker()
    redis.rpush("rq:queue:simulation-deliver-default", "a job")
    worker.budget.look()
    assert errand_calls_s([worker], 5)[-1] > 0.5


def test_who_delivers_itself_need_not_look_for_it(budgets: Any) -> None:
    worker = budgets.worker()
    worker.budget.delivering()
    assert errand_calls_s([worker], 5)[-1] > 0.5


def test_without_redis_errands_keep_to_their_workers_part_of_the_quarter(budgets: Any) -> None:
    away = connect("redis://127.0.0.1:1")
    worker = budgets.worker(redis=away)
    worker.budget._workers = 4
    worker.budget.delivering()
    assert worker.budget.aside_s() > 4 * 10 / (190 / 4)
    away.close()


def test_without_redis_nothing_is_found_out(budgets: Any) -> None:
    away = connect("redis://127.0.0.1:1")
    assert budgets.worker(redis=away).budget.grant(AT_ONCE) == 0
    away.close()


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
