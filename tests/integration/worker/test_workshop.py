"""What one worker does at once: several loads in slots, small batches in shared calls, and nothing that it was told to leave."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import claims, portals
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Claimed, Status
from simulation_core.queue.names import queue_name
from simulation_core.queue.taking import Intake
from simulation_worker.crm.errors import FenceLostError
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.lease import Lease
from simulation_worker.metrics import Metrics
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop

PENDING, CLAIMED = 0, 1
QUEUE = queue_name(Kind.DELIVER, "default")


class Shop:
    """A workshop of so many slots, without the loop that feeds it."""

    def __init__(self, engine: Engine, redis: Redis, metrics: Metrics, desk: Any, slots: int) -> None:
        self.stopping = threading.Event()
        self.desks = {QUEUE: desk}
        self.intake = Intake(redis, "test", lease_seconds=JOB_SECONDS)
        self.workshop = Workshop(engine, self.intake, Delivery(), metrics=metrics, slots=Slots(slots), stopping=self.stopping)
        self.workshop.open()

    def take(self, most: int = 1_000) -> None:
        if not self.workshop._shares:
            self.workshop.room(self.desks)
        taken = self.intake.take({QUEUE: most})
        self.workshop.begin([*taken.jobs, *taken.others], self.desks)  # the tests' jobs are compressed, as RQ itself makes them


@pytest.fixture
def shop(engine: Engine, jobs: Any, metrics: Metrics, make_desk: Any) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(slots: int = 4, **desk: Any) -> Shop:
        ready = make_desk(**desk)
        assert ready.make_ready()
        made.append(Shop(engine, jobs.redis, metrics, ready, slots))
        return made[-1]

    yield make
    for each in made:
        each.workshop.close()


def push_all(jobs: Any, run: uuid.UUID, batches: int) -> None:
    for batch in range(batches):
        jobs.push(run, batch)


def test_several_loads_are_under_way_at_once(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    run = ledger.publish(records=400)
    outside.fault("companies/batch/upsert", "latency", times=4, milliseconds=4_000)
    push_all(jobs, run, 4)
    shop(slots=4).take()
    until(lambda: outside.faults() == [])  # all four calls have come
    assert outside.keys("companies") == []  # and none is answered
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    assert len(outside.keys("companies")) == len(set(outside.keys("companies"))) == 400


def test_single_records_of_two_simulations_share_their_calls(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    runs = [ledger.publish(records=25, batch_size=1) for _ in range(2)]
    for run in runs:
        push_all(jobs, run, 25)
    made = shop()
    before = outside.calls()
    made.take()
    until(lambda: all(ledger.run(run).status is Status.COMPLETED for run in runs))
    assert outside.calls() - before == 3  # companies, contacts, associations
    assert sorted(outside.keys("companies")) == sorted(f"{run}-{record}-c" for run in runs for record in range(25))
    of_runs = {each["properties"]["simulation_id"] for each in outside.objects("companies")}
    assert of_runs == {str(run) for run in runs}


def test_a_shared_call_that_is_refused_costs_no_simulation_its_records(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    """Twice as a whole, then both halves once: what is repeated finds what was written."""
    runs = [ledger.publish(records=5, batch_size=1, scenario="B2C") for _ in range(2)]
    for run in runs:
        push_all(jobs, run, 5)
    outside.fault("contacts/batch/upsert", "status", times=4, status=409)
    shop().take()
    until(lambda: all(ledger.run(run).status is Status.COMPLETED for run in runs))
    assert len(outside.keys("contacts")) == len(set(outside.keys("contacts"))) == 10


def test_what_is_more_than_fits_is_given_back_at_once(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    """After single records it took many jobs, and they turned out to be full batches."""
    runs = [ledger.publish(records=100) for _ in range(5)]
    for run in runs:
        jobs.push(run)
    outside.fault("companies/batch/upsert", "latency", times=None, milliseconds=1_500)
    made = shop(slots=2)
    made.workshop.room(made.desks)
    made.take()
    until(lambda: sum(ledger.batch(run)["state"] == CLAIMED for run in runs) == 2)
    given_back = [ledger.batch(run) for run in runs if ledger.batch(run)["state"] == PENDING]
    assert [(batch["attempt"], batch["crashes"], batch["not_before"]) for batch in given_back] == [(1, 0, None)] * 3


def test_of_several_suspects_one_at_a_time_has_a_process(
    shop: Any, ledger: Any, jobs: Any, until: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def alone(*_: Any, **__: Any) -> None:
        begun.set()
        assert go_on.wait(10)

    monkeypatch.setattr("simulation_worker.workshop.carry_out_alone", alone)
    suspects = [ledger.publish(records=1) for _ in range(3)]
    with transaction(engine) as connection:
        connection.execute(text("UPDATE batches SET crashes = 2"))
    for run in suspects:
        jobs.push(run)
    made = shop(slots=4)
    made.workshop.room(made.desks)
    made.take()
    assert begun.wait(10)
    until(lambda: sum(ledger.batch(run)["state"] == PENDING for run in suspects) == 2)
    waiting = [ledger.batch(run) for run in suspects if ledger.batch(run)["state"] == PENDING]
    assert all(batch["crashes"] == 2 and 0 < batch["wait_ms"] <= 5_000 for batch in waiting)
    go_on.set()


def test_what_no_slot_has_begun_is_given_back_when_it_is_told_to_leave(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    begun, waiting = ledger.publish(records=100), ledger.publish(records=100)
    outside.fault("companies/batch/upsert", "latency", milliseconds=1_000)
    jobs.push(begun)
    jobs.push(waiting)
    made = shop(slots=1)
    made.workshop._shares = {QUEUE: 2}  # a load waits for the only slot
    made.take()
    until(lambda: ledger.batch(begun)["state"] == CLAIMED and ledger.batch(waiting)["state"] == CLAIMED)
    made.stopping.set()
    made.workshop.close()
    assert ledger.run(begun).status is Status.COMPLETED
    batch = ledger.batch(waiting)
    assert (batch["state"], batch["attempt"], batch["crashes"], batch["not_before"]) == (PENDING, 1, 0, None)
    assert jobs.queue().started_job_registry.get_job_count(cleanup=False) == 0


def test_what_waits_when_the_token_is_replaced_is_for_the_desk_with_the_new_one(
    shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any
) -> None:
    """It goes back at once instead of meeting a 401, for which the portal would be left alone."""
    begun, waiting = ledger.publish(records=100), ledger.publish(records=100)
    outside.fault("companies/batch/upsert", "latency", milliseconds=1_000)
    jobs.push(begun)
    jobs.push(waiting)
    made = shop(slots=1)
    made.workshop._shares = {QUEUE: 2}  # a load waits for the only slot
    made.take()
    until(lambda: ledger.batch(begun)["state"] == CLAIMED and ledger.batch(waiting)["state"] == CLAIMED)
    outside.fault("contacts/batch/upsert", "status", status=401)  # the old token is revoked under the first
    made.desks[QUEUE].close()
    made.workshop.close()
    for run in (begun, waiting):
        batch = ledger.batch(run)
        assert (batch["state"], batch["attempt"], batch["crashes"], batch["not_before"]) == (PENDING, 1, 0, None)
    assert portals.problems(ledger.engine) == {}


def test_a_portal_that_was_cooled_since_gets_no_call(shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any) -> None:
    run = ledger.publish(records=2)
    jobs.push(run)
    made = shop()
    before = outside.calls()
    made.desks[QUEUE]._held_until_s = time.monotonic() + 30
    made.take()
    until(lambda: ledger.batch(run)["state"] == PENDING and ledger.batch(run)["attempt"] == 1)
    assert 25_000 < ledger.batch(run)["wait_ms"] <= 30_000
    assert outside.calls() == before


def test_leases_are_kept_while_their_time_is_only_half_over(engine: Engine, ledger: Any, request_for: Any) -> None:
    run = ledger.publish(records=2)
    asked_s = time.monotonic()
    (claimed,) = claims.claim(engine, [request_for(run)], lease_ms=2_000)
    assert isinstance(claimed, Claimed)
    now_s = [asked_s]
    lease = Lease(engine, [claimed.fence], lease_ms=2_000, asked_s=asked_s, clock=lambda: now_s[0])
    first = ledger.batch(run)["lease_until"]
    lease.keep()
    assert ledger.batch(run)["lease_until"] == first
    now_s[0] += 1.1
    lease.keep()
    assert ledger.batch(run)["lease_until"] > first
    assert lease.left_s() == pytest.approx(2.0)


def test_a_lease_that_cant_be_kept_is_noticed_before_the_next_call(engine: Engine, ledger: Any, request_for: Any) -> None:
    run = ledger.publish(records=2)
    (claimed,) = claims.claim(engine, [request_for(run)], lease_ms=60_000)
    assert isinstance(claimed, Claimed)
    lease = Lease(engine, [claimed.fence], lease_ms=60_000, asked_s=-50.0, clock=lambda: 0.0)
    ledger.expire(run)
    lease.keep()
    with pytest.raises(FenceLostError):
        lease.hold_for(20)


def test_where_calls_are_scarce_batches_share_those_that_join_their_objects(
    shop: Any, ledger: Any, jobs: Any, outside: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "scarce", True)
    outside.limits_off()
    made = shop(slots=8)
    before = outside.calls()
    run = ledger.publish(records=2_000, batch_size=100)
    push_all(jobs, run, 20)
    made.take()
    until(lambda: ledger.run(run).records_processed == 2_000)
    assert outside.calls() - before == 2 * (10 + 10 + 1)  # not 60
    assert made.workshop.room(made.desks) == {QUEUE: 8 * 10}
