"""Jobs of other kinds than deliveries: carried out beside them, seen by RQ's tools, put off at the end, gone on with after a crash."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Worker
from rq.queue import Queue
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import control
from simulation_core.ledger import errands as ledger_errands
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Done, ErrandEnd, Later
from simulation_core.ledger.values import Status
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.queue.names import queue_name
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.queue.taking import Intake
from simulation_core.reasons import Reason
from simulation_worker.budget.budget import Budget
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.errands import Errands, Handler, Undertaking
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop

Perform = Callable[[Undertaking], ErrandEnd]


class Running:
    """A worker in a thread of this process, with one handler."""

    def __init__(self, redis: Redis, settings: dict[str, str], engine: Engine, metrics: Metrics, perform: Perform) -> None:
        self.stopping = threading.Event()
        self.desks = Desks(
            PortalsFile(Path(settings["SIMULATION_PORTALS_FILE"])),
            Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]),
            lambda portal, token: Desk(portal, token, engine=engine, metrics=metrics, budget=Budget(redis, portal, token, metrics=metrics)),
        )
        name = f"test-{uuid.uuid4().hex[:8]}"
        intake = Intake(redis, name, lease_seconds=JOB_SECONDS)
        workshop = Workshop(engine, intake, Delivery(), metrics=metrics, slots=Slots(4), stopping=self.stopping)
        errands = Errands(
            engine=engine,
            redis=redis,
            worker=name,
            desks=self.desks,
            handlers=[Handler(kind=Kind.VERIFY, perform=perform, at_once=2)],
            under_way=workshop.under_way,
            metrics=metrics,
            stopping=self.stopping,
            job_seconds=JOB_SECONDS,
        )
        worker = BatchWorker(redis, self.desks, workshop, name=name, ledger_answers=lambda: True, stopping=self.stopping, errands=errands)
        self.thread = threading.Thread(target=worker.work, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(15)
        assert not self.thread.is_alive()
        self.desks.close()


class Wanted:
    """Errands asked for and offered, as the dispatcher does."""

    def __init__(self, engine: Engine, redis: Redis) -> None:
        self.engine, self.redis = engine, redis
        self.scheduler = BulkScheduler(redis)

    def ask(self, run: uuid.UUID, token: str = "one", kind: Kind = Kind.VERIFY) -> None:
        ledger_errands.ask(self.engine, run, kind, token=token)
        self.offer()

    def offer(self) -> int:
        found = ledger_errands.offers(self.engine, portals=["default"], horizon_ms=60_000, limit=100)
        return sum(self.scheduler.schedule_offers(offers, Kind(kind)) for kind, offers in found.items())

    def row(self, run: uuid.UUID, kind: Kind = Kind.VERIFY) -> dict[str, Any]:
        with transaction(self.engine) as connection:
            statement = text("SELECT * FROM errands WHERE simulation_id = :id AND kind = :kind")
            return dict(connection.execute(statement, {"id": run, "kind": kind}).mappings().one())

    def skip_waits(self) -> None:
        """Rather than waiting for it."""
        with transaction(self.engine) as connection:
            connection.execute(text("UPDATE errands SET not_before = statement_timestamp() WHERE state = 0"))

    def queue(self) -> Queue:
        return Queue(queue_name(Kind.VERIFY, "default"), connection=self.redis, serializer=JSONSerializer)


@pytest.fixture
def wanted(engine: Engine, redis: Redis) -> Wanted:
    return Wanted(engine, redis)


@pytest.fixture
def run_worker(redis_url: str, settings: dict[str, str], engine: Engine, metrics: Metrics) -> Iterator[Callable[[Perform], Running]]:
    running: list[Running] = []

    def start(perform: Perform) -> Running:
        running.append(Running(connect(redis_url), settings, engine, metrics, perform))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def test_it_is_carried_out_once_beside_deliveries_and_leaves_nothing_behind(
    run_worker: Any, ledger: Any, wanted: Any, jobs: Any, until: Any
) -> None:
    run, seen, going_on = ledger.publish(records=1), [], threading.Event()

    def perform(undertaking: Undertaking) -> ErrandEnd:
        seen.append(undertaking.errand.token)
        assert going_on.wait(20)
        return Done(result={"found": 1})

    run_worker(perform)
    wanted.ask(run)
    until(lambda: seen == ["one"])
    assert wanted.offer() == 0
    assert StartedJobRegistry(queue=wanted.queue()).get_job_count(cleanup=False) == 1
    (worker,) = Worker.all(connection=wanted.redis)
    assert worker.queue_names() == ["simulation-deliver-default", "simulation-verify-default"]
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    until(lambda: worker.refresh() or worker.get_state() == "busy")
    going_on.set()
    until(lambda: wanted.row(run)["state"] == 2 and not wanted.redis.exists(f"rq:job:verify-{run}-0-1"))
    assert wanted.row(run)["result"] == {"found": 1}
    until(lambda: worker.refresh() or worker.get_state() == "idle")
    assert StartedJobRegistry(queue=wanted.queue()).get_job_count(cleanup=False) == 0
    assert seen == ["one"]


def test_told_to_stop_it_saves_and_another_worker_goes_on(run_worker: Any, ledger: Any, wanted: Any, until: Any) -> None:
    run, seen = ledger.publish(records=1), []

    def perform(undertaking: Undertaking) -> ErrandEnd:
        seen.append(dict(undertaking.errand.progress))
        if undertaking.errand.progress:
            return Done()
        undertaking.save({"after": 7})
        assert undertaking.stopping.wait(20)
        return Later()

    first = run_worker(perform)
    wanted.ask(run)
    until(lambda: wanted.row(run)["progress"] == {"after": 7})
    first.stop()
    assert (wanted.row(run)["state"], wanted.row(run)["crashes"]) == (0, 0)
    run_worker(perform)
    wanted.offer()
    until(lambda: wanted.row(run)["state"] == 2)
    assert seen == [{}, {"after": 7}]


def test_what_was_begun_anew_meanwhile_is_left_to_the_new_attempt(run_worker: Any, ledger: Any, wanted: Any, until: Any) -> None:
    run, begun, going_on = ledger.publish(records=1), threading.Event(), threading.Event()

    def perform(undertaking: Undertaking) -> ErrandEnd:
        if undertaking.errand.token == "one":
            begun.set()
            assert going_on.wait(20)
            undertaking.save({"of": "the old one"})
        return Done(result={"for": undertaking.errand.token})

    run_worker(perform)
    wanted.ask(run)
    assert begun.wait(20)
    wanted.ask(run, token="two")
    until(lambda: wanted.row(run)["state"] == 2)
    going_on.set()
    assert wanted.row(run)["result"] == {"for": "two"}
    assert wanted.row(run)["progress"] == {}


def test_a_fault_is_told_and_tried_again_later(run_worker: Any, ledger: Any, wanted: Any, until: Any) -> None:
    run = ledger.publish(records=1)

    def perform(_: Undertaking) -> ErrandEnd:
        raise ZeroDivisionError

    run_worker(perform)
    wanted.ask(run)
    until(lambda: wanted.row(run)["crashes"] == 1)
    row = wanted.row(run)
    assert (row["state"], row["reason"]) == (0, "InternalError")
    assert "ZeroDivisionError" in row["message"]
    assert FailedJobRegistry(queue=wanted.queue()).count == 0


def test_a_portal_that_refuses_is_left_alone_and_the_errand_says_why(run_worker: Any, ledger: Any, wanted: Any, until: Any) -> None:
    run = ledger.publish(records=1)

    def perform(_: Undertaking) -> ErrandEnd:
        raise PortalHeldError(Reason.CREDENTIAL_REJECTED, "replace the token", 60_000)

    running = run_worker(perform)
    wanted.ask(run)
    until(lambda: wanted.row(run)["reason"] == "CredentialRejected")
    assert wanted.row(run)["message"] == "replace the token"
    (desk,) = running.desks.all()
    assert desk.held_for_s > 0


def test_a_stray_job_fails_alone(run_worker: Any, ledger: Any, wanted: Any, until: Any) -> None:
    run = ledger.publish(records=1)
    run_worker(lambda _: Done())
    wanted.queue().enqueue("os.system", "true")
    failed = FailedJobRegistry(queue=wanted.queue())
    until(lambda: failed.count == 1)
    wanted.ask(run)
    until(lambda: wanted.row(run)["state"] == 2)


def test_the_worker_process_verifies_and_archives(
    start_worker: Any, delivered: Any, wanted: Any, outside: Any, engine: Engine, until: Any
) -> None:
    outside.behaves(searchLagMilliseconds=0)
    run = delivered(records=5)
    start_worker()

    def ended(kind: Kind) -> bool:
        wanted.skip_waits()
        wanted.offer()
        return bool(wanted.row(run, kind)["state"] == 2)

    wanted.ask(run)
    until(lambda: ended(Kind.VERIFY))
    assert wanted.row(run)["result"]["contacts"] == {"expected": 5, "found": 5, "missing": 0, "surplus": 0}
    control.delete(engine, run)
    wanted.ask(run, kind=Kind.ARCHIVE)
    until(lambda: ended(Kind.ARCHIVE))
    assert wanted.row(run, Kind.ARCHIVE)["result"] == {"done": 10, "total": 10}
    assert outside.objects("companies") == outside.objects("contacts") == []
