"""Workers on a budget: no 429, nothing claimed that has to wait, fair between simulations, and an account's day that ends."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from simulation_core.ledger import portals, usage
from simulation_core.ledger.values import Status
from simulation_core.reasons import Reason
from simulation_worker.budget.day import Day, until_midnight_ms
from simulation_worker.metrics import Metrics

CLAIMED = 1
ACCOUNT = 424242


def allow(outside: Any, token: str = "any", **limits: Any) -> None:
    httpx.post(f"{outside.url}/_emulator/accounts", json={"token": token, "accountId": ACCOUNT, **limits}).raise_for_status()


def refused(metrics: Metrics) -> float:
    samples = [sample for family in metrics.calls.collect() for sample in family.samples if sample.name.endswith("_total")]
    return sum(sample.value for sample in samples if sample.labels["status"] == "429")


def test_two_workers_never_meet_the_limit_and_a_small_simulation_does_not_wait_behind_a_large_one(
    start_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any
) -> None:
    """The limit is HubSpot's own word: the portal's tier says more."""
    allow(outside, callsPerTenSeconds=60)
    large, small = ledger.publish(records=3_000), ledger.publish(records=300)
    for batch in range(30):
        jobs.push(large, batch)
        if batch < 3:
            jobs.push(small, batch)
    workers = [start_worker(SIMULATION_SLOTS="4") for _ in range(2)]
    until(lambda: ledger.run(small).status is Status.COMPLETED, within_seconds=60)
    assert ledger.run(large).records_processed < 2_000
    until(lambda: ledger.run(large).status is Status.COMPLETED, within_seconds=60)
    assert not any("PortalThrottled" in worker.log.read_text() for worker in workers)


def test_nothing_is_claimed_for_which_there_are_no_calls(
    start_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any, settings: dict[str, str], engine: Engine
) -> None:
    portals_file = Path(settings["SIMULATION_PORTALS_FILE"])
    portals_file.write_text(portals_file.read_text().replace("tier: professional", "callsPerTenSeconds: 10"))
    runs = [ledger.publish(records=100) for _ in range(8)]
    for run in runs:
        jobs.push(run)
    start_worker()
    until(lambda: any(ledger.run(run).status is Status.COMPLETED for run in runs), within_seconds=40)
    assert sum(ledger.batch(run)["state"] == CLAIMED for run in runs) <= 2
    assert jobs.queue().count >= 4
    assert [ledger.batch(run)["attempt"] for run in runs].count(0) >= 4


def test_a_429_stops_the_calls_of_every_worker(make_desk: Any, ledger: Any, delivery: Any, request_for: Any, outside: Any) -> None:
    first, second = make_desk(), make_desk()
    assert first.make_ready()
    assert second.make_ready()
    run, other = ledger.publish(), ledger.publish()
    outside.fault("companies/batch", "status", status=429, retryAfterSeconds=9)
    delivery.deliver(request_for(run), first)
    calls = outside.calls()
    second.budget.look()
    assert 7 < second.held_for_s <= 9
    delivery.deliver(request_for(other), second)  # claimed just before
    assert outside.calls() == calls
    batch = ledger.batch(other)
    assert (batch["tries"], batch["crashes"]) == ([0, 0, 0, 0], 0)
    assert 7_000 < batch["wait_ms"] <= 9_000


def test_an_outage_opens_the_circuit_with_a_condition_and_one_delivery_closes_it(
    make_desk: Any, ledger: Any, delivery: Any, request_for: Any, outside: Any, engine: Engine, end_pauses: Any
) -> None:
    desk, other = make_desk(), make_desk()
    assert desk.make_ready()
    assert other.make_ready()
    run = ledger.publish(retries={"limit": 1})
    outside.fault("companies/batch", "status", times=None, status=503)
    for attempt in range(1, 6):
        delivery.deliver(request_for(run, attempt=attempt), desk)
        ledger.expire(run)
    assert portals.problems(engine)["default"].reason is Reason.CIRCUIT_OPEN
    assert ledger.batch(run)["tries"] == [0, 0, 0, 0]
    outside.no_faults()
    end_pauses(desk)
    end_pauses(other)
    assert desk.make_ready()  # one tries, and is not told well by answers to its questions alone
    assert portals.problems(engine)["default"].reason is Reason.CIRCUIT_OPEN
    assert other.ready
    delivery.deliver(request_for(run, attempt=6), other)  # it is not its turn
    assert ledger.run(run).records_processed == 0
    ledger.expire(run)
    end_pauses(other)
    delivery.deliver(request_for(run, attempt=7), desk)
    assert ledger.run(run).status is Status.COMPLETED
    assert portals.problems(engine) == {}
    end_pauses(other)
    other.budget.look()
    assert not other.held_for_s
    assert not other.budget.view.troubled


def test_a_delivery_that_was_under_way_when_another_worker_met_a_refusal_does_not_end_the_condition(
    make_desk: Any, ledger: Any, delivery: Any, request_for: Any, outside: Any, engine: Engine, until: Any
) -> None:
    desk, other = make_desk(), make_desk()
    assert desk.make_ready()
    assert other.make_ready()
    slow, run = ledger.publish(scenario="B2C"), ledger.publish()
    outside.fault("contacts/batch", "latency", milliseconds=4_000)
    under_way = threading.Thread(target=lambda: delivery.deliver(request_for(slow), other))
    under_way.start()
    until(lambda: not httpx.get(f"{outside.url}/_emulator/faults").json()["results"])  # it has begun its call
    outside.fault("companies/batch", "status", status=429, retryAfterSeconds=1)
    delivery_of_its_own = type(delivery)(engine, delivery._metrics)
    delivery_of_its_own.deliver(request_for(run), desk)
    other.budget.look()
    under_way.join()
    assert ledger.run(slow).status is Status.COMPLETED
    assert portals.problems(engine)["default"].reason is Reason.PORTAL_THROTTLED


# -- the account's day


def test_calls_of_all_portals_of_an_account_are_one_day(make_desk: Any, engine: Engine) -> None:
    for desk in (make_desk(), make_desk("another app")):
        assert desk.make_ready()
        desk.write_day()
        desk.write_day()
    today = datetime.now(UTC).date()
    assert usage.of_day(engine, ACCOUNT, today) >= 8
    assert usage.of_day(engine, ACCOUNT, today - timedelta(days=1)) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM portal_usage")).scalar_one() == 1


def test_when_the_day_is_used_up_the_portal_is_left_alone_until_the_accounts_midnight(
    make_desk: Any, engine: Engine, redis: Redis, ledger: Any, delivery: Any, request_for: Any, outside: Any
) -> None:
    desk, other = make_desk(calls_per_day=1_000), make_desk(calls_per_day=1_000)
    assert desk.make_ready()
    assert other.make_ready()
    desk.write_day()
    assert not desk.held_for_s
    usage.add(engine, ACCOUNT, datetime.now(UTC).date(), 1_000)  # by others
    desk.write_day()
    midnight_s = until_midnight_ms(desk._day._account.zone, datetime.now(UTC)) / 1000
    assert desk.held_for_s == pytest.approx(midnight_s, abs=5)
    problem = portals.problems(engine)["default"]
    assert problem.reason is Reason.DAILY_LIMIT_REACHED
    assert "of 1000 were made" in problem.message
    other.budget.look()
    assert other.held_for_s == pytest.approx(midnight_s, abs=5)
    run = ledger.publish()
    delivery.deliver(request_for(run), other)  # claimed just before
    assert "of 1000 were made" in portals.problems(engine)["default"].message  # the best there is to be said
    batch = ledger.batch(run)
    assert (batch["state"], batch["tries"]) == (0, [0, 0, 0, 0])
    assert float(batch["wait_ms"]) / 1000 == pytest.approx(midnight_s, abs=5)


def test_hubspots_own_word_on_the_day_is_taken(make_desk: Any, ledger: Any, delivery: Any, request_for: Any, outside: Any) -> None:
    """Others call the account too: its day ends earlier than our count says."""
    desk = make_desk()
    assert desk.make_ready()
    assert (desk.budget.told.left_today or 0) > 0
    allow(outside, callsPerDay=4)
    delivery.deliver(request_for(ledger.publish()), desk)
    assert desk.held_for_s > 60 or until_midnight_ms(UTC, datetime.now(UTC)) < 65_000


def test_calls_that_postgres_could_not_take_are_counted_later(engine: Engine) -> None:
    day, calls = Day(), 7
    day.of_account(ACCOUNT, UTC)
    for _ in range(calls):
        day.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation_worker.budget.day.usage.add", lambda *_: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            day.write(engine)
    day.write(engine)
    assert (day.calls, usage.of_day(engine, ACCOUNT, datetime.now(UTC).date())) == (calls, calls)


def test_a_new_day_begins_at_nothing(engine: Engine) -> None:
    now = datetime(2026, 11, 27, 23, 59, tzinfo=UTC)
    day = Day(now=lambda: now)
    day.of_account(ACCOUNT, UTC)
    day.count()
    day.write(engine)
    assert day.calls == 1
    now += timedelta(minutes=2)
    assert day.calls == 0
    day.write(engine)
    assert day.calls == 0
