"""The worker as RQ and its queues see it: at once, truthful, and patient with outages."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, create_engine, make_url, text

from simulation_core.ledger.values import Status
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.queue.taking import Intake
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_sandbox.valkey import Valkey
from simulation_worker import registries
from simulation_worker.budget.budget import Budget
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.jobs import DELIVER
from simulation_worker.main import _ledger_answers
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop


class Running:
    """A worker in a thread of this process."""

    def __init__(self, url: str, settings: dict[str, str], engine: Engine, metrics: Metrics) -> None:
        self.stopping = threading.Event()
        redis, name = connect(url), f"test-{uuid.uuid4().hex[:8]}"
        self.desks = Desks(
            PortalsFile(Path(settings["SIMULATION_PORTALS_FILE"])),
            Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]),
            lambda portal, token: Desk(portal, token, engine=engine, metrics=metrics, budget=Budget(redis, portal, token, metrics=metrics)),
        )
        self.workshop = Workshop(
            engine,
            Intake(redis, name, lease_seconds=JOB_SECONDS),
            Delivery(),
            metrics=metrics,
            slots=Slots(4),
            stopping=self.stopping,
        )
        self.worker = BatchWorker(
            redis,
            self.desks,
            self.workshop,
            name=name,
            ledger_answers=lambda: _ledger_answers(engine),
            stopping=self.stopping,
        )
        self.thread = threading.Thread(target=self.worker.work, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(15)
        assert not self.thread.is_alive()
        self.desks.close()


@pytest.fixture
def run_worker(redis_url: str, settings: dict[str, str], engine: Engine, metrics: Metrics) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(url: str = redis_url) -> Running:
        running.append(Running(url, settings, engine, metrics))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def idle(redis: Redis) -> bool:
    return any(worker.get_state() == "idle" and worker.birth_date for worker in Worker.all(connection=redis))


def test_a_job_is_delivered_and_leaves_nothing_behind(run_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    run = ledger.publish(records=3)
    run_worker()
    name = jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    until(lambda: not jobs.redis.exists(Job.key_for(name)))
    assert jobs.queue().count == 0
    assert FailedJobRegistry(queue=jobs.queue()).count == 0


def test_a_job_starts_when_it_is_pushed_not_at_some_next_look(run_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    warm = ledger.publish(records=1)
    runs = [ledger.publish(records=1) for _ in range(10)]
    run_worker()
    jobs.push(warm)
    until(lambda: ledger.run(warm).status is Status.COMPLETED)
    waits = []
    for run in runs:
        until(lambda: idle(jobs.redis))
        pushed = time.monotonic()
        name = jobs.push(run)
        while jobs.redis.hget(Job.key_for(name), "started_at") is None and jobs.redis.exists(Job.key_for(name)):
            assert time.monotonic() - pushed < 5
        waits.append(time.monotonic() - pushed)
    assert sorted(waits)[len(waits) // 2] < 0.5  # how much sooner, `make bench SECTION=lateness` measures


def test_rq_knows_the_worker_its_queues_and_its_end(run_worker: Any, jobs: Any, until: Any) -> None:
    running = run_worker()
    until(lambda: idle(jobs.redis))
    (seen,) = Worker.all(connection=jobs.redis)
    assert seen.name == running.worker.name
    assert seen.queue_names() == ["simulation-deliver-default"]
    running.stop()
    assert Worker.all(connection=jobs.redis) == []


def test_rq_is_told_when_a_portal_gets_a_token(run_worker: Any, jobs: Any, until: Any, settings: dict[str, str]) -> None:
    portals = Path(settings["SIMULATION_PORTALS_FILE"])
    portals.write_text(portals.read_text() + portals.read_text().replace("name: default", "name: second"))
    run_worker()
    until(lambda: idle(jobs.redis))
    (Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "second").write_text("other")
    until(lambda: any(len(worker.queue_names()) == 2 for worker in Worker.all(connection=jobs.redis)))


def test_a_flushed_redis_is_taken_as_it_is(run_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    run_worker()
    until(lambda: idle(jobs.redis))
    jobs.redis.flushall()
    until(lambda: idle(jobs.redis))
    run = ledger.publish(records=1)
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)


def test_a_redis_flushed_under_a_job_costs_neither_the_worker_nor_the_records(
    run_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any
) -> None:
    running = run_worker()
    until(lambda: idle(jobs.redis))
    run, next_run = ledger.publish(records=1), ledger.publish(records=1)
    outside.fault("batch/upsert", "latency", milliseconds=500)
    name = jobs.push(run)
    until(lambda: ledger.batch(run)["state"] == 1)
    jobs.redis.flushall()
    until(lambda: ledger.run(run).status is Status.COMPLETED)
    jobs.push(next_run)
    until(lambda: ledger.run(next_run).status is Status.COMPLETED)
    assert running.thread.is_alive()
    assert not jobs.redis.exists(Job.key_for(name))


def test_an_early_job_goes_back_to_the_scheduler(run_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    run = ledger.publish(due_in_ms=60_000)
    run_worker()
    name = jobs.push(run)
    until(lambda: jobs.redis.zscore("rq:scheduler:scheduled_jobs", name) is not None)
    assert jobs.redis.exists(Job.key_for(name))
    ahead = float(jobs.redis.zscore("rq:scheduler:scheduled_jobs", name)) - time.time()
    assert 50 < ahead < 61
    assert ledger.batch(run)["attempt"] == 0


def test_an_unknown_job_fails_alone(run_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    run_worker()
    jobs.queue().enqueue("os.system", "true")
    jobs.queue().enqueue(DELIVER, "no-uuid")  # ours by name, but of no batch
    failed = FailedJobRegistry(queue=jobs.queue())
    until(lambda: failed.count == 2)
    assert all(Job.exists(each, connection=jobs.redis) for each in failed.get_job_ids())
    assert StartedJobRegistry(queue=jobs.queue()).get_job_count(cleanup=False) == 0
    run = ledger.publish(records=1)
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)


def test_postgres_going_away_fails_no_job_and_loses_none(run_worker: Any, ledger: Any, jobs: Any, until: Any, migrated_url: str) -> None:
    first, second = ledger.publish(records=1), ledger.publish(records=1)
    run_worker()
    jobs.push(first)
    until(lambda: ledger.run(first).status is Status.COMPLETED)
    url = make_url(migrated_url)
    admin = create_engine(url.set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        rename(connection, str(url.database), "hidden_away")
        try:
            name = jobs.push(second)
            until(lambda: jobs.redis.zscore("rq:scheduler:scheduled_jobs", name) is not None)
        finally:
            rename(connection, "hidden_away", str(url.database))
    admin.dispose()
    assert FailedJobRegistry(queue=jobs.queue()).count == 0
    jobs.redis.zrem("rq:scheduler:scheduled_jobs", name)
    jobs.redis.delete(Job.key_for(name))
    jobs.push(second)  # as the scheduler does
    until(lambda: ledger.run(second).status is Status.COMPLETED)


def rename(connection: Any, old: str, new: str) -> None:
    """For Postgres a database under another name is away: connections are refused."""
    deadline = time.monotonic() + 10
    while True:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": old})
        try:
            connection.execute(text(f"ALTER DATABASE {old} RENAME TO {new}"))
            return
        except Exception:
            if time.monotonic() > deadline:
                raise


def test_redis_going_away_is_waited_for(run_worker: Any, until: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = Valkey(tmp_path / "valkey")
    server.start()
    request.addfinalizer(server.remove)
    running = run_worker(server.url)
    redis = Redis.from_url(server.url)
    request.addfinalizer(redis.close)
    until(lambda: idle(redis))
    server.stop()
    until(lambda: running.worker._registered is None)
    assert running.thread.is_alive()
    server.start()
    until(lambda: idle(redis))


def test_hubspot_away_from_the_start_is_waited_for(run_worker: Any, ledger: Any, jobs: Any, until: Any, hubspot: EmulatorServer) -> None:
    hubspot.stop()
    run = ledger.publish(records=1)
    jobs.push(run)
    running = run_worker()
    until(lambda: any(desk.held_for_s for desk in running.desks.all()))
    assert jobs.queue().count == 1  # not even taken
    hubspot.start()
    until(lambda: ledger.run(run).status is Status.COMPLETED)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections, and never says a word."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(20)
    yield server
    server.close()


def test_a_portal_that_never_answers_holds_up_no_other(
    run_worker: Any, ledger: Any, jobs: Any, until: Any, settings: dict[str, str], silent: socket.socket
) -> None:
    portals = Path(settings["SIMULATION_PORTALS_FILE"])
    portals.write_text(
        f"- {{name: silent, allowedNamespaces: ['*'], url: 'http://127.0.0.1:{silent.getsockname()[1]}'}}\n" + portals.read_text()
    )
    (Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "silent").write_text("any")
    running = run_worker()
    asking, _ = silent.accept()
    with asking:
        for _ in range(3):
            run = ledger.publish(records=1)
            jobs.push(run)
            until(lambda run=run: ledger.run(run).status is Status.COMPLETED, within_seconds=CALL_DEADLINE_SECONDS / 2)
        assert not running.desks.get("silent").ready
        assert not running.desks.get("silent").held_for_s  # still being asked
        assert running.worker._readying.under_way == 1
        running.stop()
    until(lambda: running.worker._readying.under_way == 0)


def test_what_a_killed_worker_left_is_forgotten(run_worker: Any, jobs: Any, until: Any, ledger: Any) -> None:
    """RQ would move it to the failed registry; the ledger offers the batch again under a new id."""
    run = ledger.publish(due_in_ms=60_000)
    name = jobs.push(run)
    jobs.queue().remove(name)
    jobs.redis.hset(Job.key_for(name), "status", "started")
    started = StartedJobRegistry(queue=jobs.queue())
    jobs.redis.zadd(started.key, {f"{name}:execution": time.time() - 1})
    run_worker()
    until(lambda: not jobs.redis.exists(Job.key_for(name)))
    assert started.get_job_count(cleanup=False) == 0
    assert FailedJobRegistry(queue=jobs.queue()).count == 0


def test_a_job_is_plain_json(jobs: Any, ledger: Any) -> None:
    run = ledger.publish()
    job = Job.fetch(jobs.push(run), connection=jobs.redis, serializer=JSONSerializer)
    assert job.func_name == "simulation_worker.jobs.deliver"
    assert job.args == [str(run), 0, 1]
    assert callable(job.func)  # RQ's own tools can import it


def test_rq_info_tells_what_is_under_way(run_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any, redis_url: str) -> None:
    runs = [ledger.publish(records=100) for _ in range(3)]
    outside.fault("companies/batch/upsert", "latency", times=None, milliseconds=2_000)
    for run in runs:
        jobs.push(run)
    run_worker()
    until(lambda: all(ledger.batch(run)["state"] == 1 for run in runs))
    (worker,) = Worker.all(connection=jobs.redis)
    assert (worker.get_state(), worker.current_execution_count) == ("busy", 3)
    assert sorted(StartedJobRegistry(queue=jobs.queue()).get_job_ids(cleanup=False)) == sorted(f"{run}-0-1" for run in runs)
    shown = subprocess.run(
        [Path(sys.executable).parent / "rq", "info", "--url", redis_url], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "busy" in shown
    outside.no_faults()
    until(lambda: all(ledger.run(run).status is Status.COMPLETED for run in runs))
    until(lambda: idle(jobs.redis))
    (worker,) = Worker.all(connection=jobs.redis)
    assert (worker.successful_job_count, worker.current_execution_count) == (3, 0)


def test_a_worker_whose_clock_is_ahead_leaves_the_others_their_jobs(jobs: Any, ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be offered again while they are under way."""
    queue, now_s = jobs.queue(), time.time()
    id_ = jobs.push(ledger.publish(records=1))
    assert Intake(jobs.redis, "other", lease_seconds=60).take({queue.name: 1})
    monkeypatch.setattr(time, "time", lambda: now_s + 3_600)
    registries.clean([queue])
    assert StartedJobRegistry(queue=queue).get_job_count(cleanup=False) == 1
    assert jobs.redis.exists(f"rq:job:{id_}")


def test_a_busy_portal_leaves_slots_to_one_that_may_not_be_called_at_this_moment(
    run_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    portals = Path(settings["SIMULATION_PORTALS_FILE"])
    plenty = portals.read_text().replace("tier: professional", "callsPerTenSeconds: 10000")  # so that each batch has a slot of its own
    portals.write_text(plenty + plenty.replace("name: default", "name: second"))
    (Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "second").write_text("other")
    outside.fault("companies/batch/upsert", "latency", times=12, milliseconds=3_000)
    busy = [ledger.publish(records=100) for _ in range(6)]
    running = run_worker()
    until(lambda: len([desk for desk in running.desks.all() if desk.ready]) == 2)
    paced = running.desks.get("second").budget
    monkeypatch.setattr(Budget, "paced_for_s", property(lambda budget: 1.0 if budget is paced else 0.0))
    has_its_share, wait = threading.Event(), running.workshop.wait_for_room
    monkeypatch.setattr(running.workshop, "wait_for_room", lambda *given, **more: (has_its_share.set(), wait(*given, **more)))
    for run in busy:
        jobs.push(run)
    assert has_its_share.wait(20)
    assert running.workshop._slots.shares({"q": "second"}, served=2)
    jobs.push(quick := ledger.publish(records=1, scenario="B2C", portal="second"), portal="second")
    monkeypatch.undo()
    until(lambda: ledger.run(quick).status is Status.COMPLETED)
    assert not any(ledger.run(run).status is Status.COMPLETED for run in busy)


def test_a_busy_portal_leaves_slots_to_the_others(
    run_worker: Any, ledger: Any, jobs: Any, outside: Any, until: Any, settings: dict[str, str], silent: socket.socket
) -> None:
    """All calls of one portal hang; the other's records come all the same."""
    portals = Path(settings["SIMULATION_PORTALS_FILE"])
    portals.write_text(portals.read_text() + portals.read_text().replace("name: default", "name: second"))
    (Path(settings["SIMULATION_PORTAL_TOKENS_DIR"]) / "second").write_text("other")
    outside.fault("companies/batch/upsert", "latency", times=12, milliseconds=3_000)
    busy = [ledger.publish(records=100) for _ in range(12)]
    quick = ledger.publish(records=1, scenario="B2C", portal="second")
    running = run_worker()
    until(lambda: len([desk for desk in running.desks.all() if desk.ready]) == 2)
    for run in busy:
        jobs.push(run)
    until(lambda: sum(ledger.batch(run)["state"] == 1 for run in busy) >= 3)
    jobs.push(quick, portal="second")
    until(lambda: ledger.run(quick).status is Status.COMPLETED)
    assert sum(ledger.run(run).status is Status.COMPLETED for run in busy) < 3
