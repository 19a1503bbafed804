"""A ledger with a published run, a HubSpot, a Redis, and what a worker is built from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from redis import Redis
from rq.queue import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, text

from simulation_core.clock import from_ms, now_ms
from simulation_core.kinds import Kind
from simulation_core.ledger import accept, errands, plans, runs
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Done, Errand, ErrandEnd
from simulation_core.ledger.values import ClaimRequest, Run
from simulation_core.plan import Batches, Plan, make_plan
from simulation_core.plan.load import load_of
from simulation_core.portals import Portal
from simulation_core.queue.names import job_id, queue_name
from simulation_core.queue.taking import Job
from simulation_core.spec import Spec, parse_spec
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.admission import Admission
from simulation_worker.books import Books, Entry
from simulation_worker.budget.budget import Budget
from simulation_worker.claiming import claim
from simulation_worker.deliver import LEASE_MS, Delivery
from simulation_worker.desk import Desk
from simulation_worker.errands import Undertaking
from simulation_worker.jobs import DELIVER
from simulation_worker.lease import ErrandLease, Lease
from simulation_worker.metrics import Metrics

USER = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")


class Ledger:
    """The ledger, and what a test asks of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def publish(self, *, records: int = 4, batch_size: int = 100, due_in_ms: int = -5_000, over_ms: int = 0, **spec: Any) -> uuid.UUID:
        """A run whose records are all due at one moment, or evenly over some time from it."""
        run = uuid.uuid4()
        shape = {"records": spec.pop("records_")} if "records_" in spec else {}  # `records` is how many
        given = {
            "scenario": "B2B",
            **shape,
            "totalRecords": records,
            "durationSeconds": 600,
            "startTime": from_ms(now_ms() + due_in_ms).isoformat(timespec="milliseconds"),
            **spec,
        }
        parsed = parse_spec(given)
        accept.accept(
            self.engine,
            id=run,
            namespace="team-a",
            name="spring",
            spec=given,
            parsed=parsed,
            seed=42,
            default_user_id=USER,
            lead_ms=0,
            plan_version=1,
        )
        self._store(run, parsed, np.linspace(0, over_ms, records).astype(np.int64), batch_size)
        return run

    def publish_over(self, *, records: int, batch_size: int, from_ms: int, to_ms: int, **spec: Any) -> uuid.UUID:
        """A run whose records are due evenly between two moments, given from now."""
        return self.publish(records=records, batch_size=batch_size, due_in_ms=from_ms, over_ms=to_ms - from_ms, **spec)

    def _store(self, run: uuid.UUID, spec: Spec, offsets: np.ndarray[Any, np.dtype[np.int64]], batch_size: int) -> None:
        """A batch is due with its last record."""
        records = len(offsets)
        firsts = np.arange(0, records, batch_size, dtype=np.int64)
        counts = np.minimum(batch_size, records - firsts).astype(np.int16)
        batches = Batches(first_record=firsts, count=counts, offset_ms=offsets[firsts + counts - 1])
        plan = Plan(offsets_ms=offsets, batches=batches, histogram=(0,) * 40, peak_per_minute=0, objects={})
        plans.store(self.engine, run, plan, 0)
        plans.publish(self.engine, run, plan, load_of(spec, plan, seed=42))

    @staticmethod
    def planned_calls(total: int, **spec: Any) -> int:
        """As kubectl simulation plan counts them, where all are due at once."""
        parsed = parse_spec({"scenario": "B2B", "totalRecords": total, "durationSeconds": 1, **spec})
        return load_of(parsed, make_plan(parsed, start_ms=0, window_ms=1000, seed=42), seed=42).calls

    def run(self, simulation: uuid.UUID) -> Run:
        run = runs.get(self.engine, simulation)
        assert run is not None
        return run

    def batch(self, simulation: uuid.UUID, number: int = 0) -> dict[str, Any]:
        with transaction(self.engine) as connection:
            statement = text(
                "SELECT *, extract(epoch FROM not_before - statement_timestamp()) * 1000 AS wait_ms"
                " FROM batches WHERE simulation_id = :id AND number = :n"
            )
            return dict(connection.execute(statement, {"id": simulation, "n": number}).mappings().one())

    def expire(self, simulation: uuid.UUID) -> None:
        """The leases run out, and what waits may be tried at once: rather than waiting for it."""
        with transaction(self.engine) as connection:
            connection.execute(
                text("UPDATE batches SET lease_until = statement_timestamp() - interval '1 ms' WHERE simulation_id = :id AND state = 1"),
                {"id": simulation},
            )
            connection.execute(text("UPDATE batches SET not_before = NULL WHERE simulation_id = :id"), {"id": simulation})

    def expire_claims(self) -> None:
        """All leases run out: rather than waiting for it."""
        with transaction(self.engine) as connection:
            connection.execute(text("UPDATE batches SET lease_until = statement_timestamp() - interval '1 ms' WHERE state = 1"))

    def lateness_ms(self, simulation: uuid.UUID) -> list[int]:
        """Of each delivered record, from its due time to HubSpot's answer."""
        with transaction(self.engine) as connection:
            statement = """
                SELECT r.delivered - (b.offset_ms - r.before_ms)
                FROM batches b, unnest(b.delivered_offsets, b.record_offsets) AS r (delivered, before_ms)
                WHERE b.simulation_id = :id AND r.delivered IS NOT NULL
            """
            return list(connection.scalars(text(statement), {"id": simulation}))

    def errors(self, simulation: uuid.UUID) -> list[dict[str, Any]]:
        with transaction(self.engine) as connection:
            rows = connection.execute(text("SELECT * FROM record_errors WHERE simulation_id = :id ORDER BY id"), {"id": simulation})
            return [dict(row) for row in rows.mappings()]


class Outside:
    """HubSpot as somebody else sees it."""

    def __init__(self, server: EmulatorServer) -> None:
        self.url = server.url
        self._http = httpx.Client(base_url=server.url)

    def fault(self, match: str, kind: str, times: int | None = 1, **more: Any) -> None:
        self._http.post("/_emulator/faults", json={"match": match, "kind": kind, "times": times, **more}).raise_for_status()

    def limits_off(self) -> None:
        """For the token `any`."""
        given = {
            "token": "any",
            "accountId": 424242,
            "accountType": "DEVELOPER_TEST",
            "callsPerTenSeconds": 1_000_000,
            "callsPerDay": 10**9,
            "searchesPerSecond": 1_000_000,
        }
        self._http.post("/_emulator/accounts", json=given).raise_for_status()

    def behaves(self, **wanted: Any) -> None:
        self._http.post("/_emulator/behaviour", json=wanted).raise_for_status()

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """As somebody else with the token `any`."""
        answer = self._http.post(path, json=body, headers={"Authorization": "Bearer any"}).raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def ids_by_key(self, kind: str) -> dict[str, str]:
        return {each["properties"]["simulation_key"]: each["id"] for each in self.objects(kind)}

    def faults(self) -> list[dict[str, Any]]:
        """Those that some call has still to meet."""
        return self._http.get("/_emulator/faults").raise_for_status().json()["results"]

    def no_faults(self) -> None:
        self._http.delete("/_emulator/faults").raise_for_status()

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return self._http.get(f"/_emulator/objects/{kind}", params={"limit": 10000}).json()["results"]

    def keys(self, kind: str) -> list[str]:
        return [each["properties"]["simulation_key"] for each in self.objects(kind)]

    def joined(self) -> int:
        return int(self._http.get("/_emulator/associations", params={"from": "contacts", "to": "companies"}).json()["total"])

    def calls(self) -> int:
        return int(self._http.get("/_emulator/summary").json()["calls"]["total"])

    def close(self) -> None:
        self._http.close()


class Clock:
    """The monotonic clock, for those who can't wait."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead_s

    def forward(self, seconds: float) -> None:
        self._ahead_s += seconds


class Jobs:
    """The queue, as the scheduler fills it."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)

    def queue(self, portal: str = "default") -> Queue:
        return Queue(queue_name(Kind.DELIVER, portal), connection=self.redis, serializer=JSONSerializer)

    def push(self, simulation: uuid.UUID, batch: int = 0, attempt: int = 1, portal: str = "default") -> str:
        name = job_id(simulation, batch, attempt)
        job = self.queue(portal).create_job(DELIVER, args=(str(simulation), batch, attempt), job_id=name, result_ttl=0, timeout=-1)
        self.queue(portal).enqueue_job(job)
        return name

    def close(self) -> None:
        self.redis.close()


@dataclass(frozen=True)
class Ending:
    what: str
    again_after_ms: int | None = None


class OneByOne:
    """Delivers a job as a worker does, with the worker's own parts, but one after the other and in the test's thread."""

    def __init__(self, engine: Engine, metrics: Metrics, *, lease_ms: int = LEASE_MS) -> None:
        self._engine, self._metrics = engine, metrics
        self._delivery = Delivery(lease_ms=lease_ms)
        self._books = Books(engine, metrics=metrics, on_ended=lambda _: None)

    def deliver(self, request: ClaimRequest, desk: Desk) -> Ending:
        if not desk.make_ready():
            return Ending("portal held", round(desk.held_for_s * 1000))
        job = Job("any", job_id(request.simulation_id, request.batch, request.attempt))
        got = claim(self._engine, [job], lease_ms=self._delivery.lease_ms)
        if job in got.early:
            return Ending("early", got.early[job])
        if got.refused:
            return Ending("refused")
        (mine,) = got.claims["any"]
        lease = Lease(self._engine, [mine.claimed.fence], lease_ms=self._delivery.lease_ms, asked_s=got.asked_s)
        (end,) = self._delivery.carry_out([mine.claimed], desk, lease, ahead_ms=got.ahead_ms)
        before = self._endings()
        self._books.write([Entry(claim=mine, end=end, lease=lease)])
        (what,) = (ending for ending, count in self._endings().items() if count > before.get(ending, 0))
        return Ending(what)

    def _endings(self) -> dict[str, float]:
        return {s.labels["ending"]: s.value for f in self._metrics.jobs.collect() for s in f.samples if s.name.endswith("_total")}


class Asked:
    """An errand as a worker carries it out, attempt by attempt, in the test's thread."""

    def __init__(self, engine: Engine, desk: Any, run: uuid.UUID, kind: str, perform: Callable[[Undertaking], ErrandEnd]) -> None:
        self.engine, self.desk, self.run, self.kind, self.perform = engine, desk, run, kind, perform
        self.attempt = 0
        self.steps: Callable[[], None] = lambda: None
        errands.ask(engine, run, kind, token="one")

    def attempted(self, stopping: threading.Event | None = None) -> ErrandEnd:
        with transaction(self.engine) as connection:
            connection.execute(text("UPDATE errands SET not_before = statement_timestamp()"))
        self.attempt += 1
        errand = errands.claim(self.engine, self.kind, ClaimRequest(self.run, 0, self.attempt), lease_ms=60_000)
        assert isinstance(errand, Errand)
        lease = ErrandLease(self.engine, errand.fence, lease_ms=60_000, asked_s=time.monotonic())

        def save(progress: Any) -> None:
            assert errands.save(self.engine, errand.fence, progress)
            self.steps()

        undertaking = Undertaking(
            errand=errand, engine=self.engine, desk=self.desk, lease=lease, stopping=stopping or threading.Event(), save=save
        )
        end = self.perform(undertaking)
        assert errands.end(self.engine, errand.fence, end)
        return end

    def done(self, most_attempts: int = 30) -> dict[str, Any]:
        for _ in range(most_attempts):
            end = self.attempted()
            if isinstance(end, Done):
                return dict(end.result)
            assert end.reason in {None, "Draining", "Archiving"}, end
        raise AssertionError("it doesn't end")


class WorkerProcess:
    """simulation-worker as users run it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / f"worker-{uuid.uuid4().hex[:6]}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simulation_worker.main"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, within_seconds: float = 20) -> int:
        return self._process.wait(within_seconds)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def serves(self) -> bool:
        """Whether it got through Python's imports: before, a signal just ends it."""
        return " serves " in self.log.read_text()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def outside(hubspot: EmulatorServer) -> Iterator[Outside]:
    outside = Outside(hubspot)
    yield outside
    outside.close()


@pytest.fixture
def jobs(redis_url: str) -> Iterator[Jobs]:
    jobs = Jobs(redis_url)
    yield jobs
    jobs.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def make_desk(engine: Engine, redis: Redis, outside: Outside, metrics: Metrics) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(token: str = "any", *, deadline_seconds: float = 10, clock: Callable[[], float] | None = None, **portal: Any) -> Desk:
        entry = Portal(name="default", allowed_namespaces=("*",), url=outside.url, **{"calls_per_ten_seconds": 10_000, **portal})
        budget = Budget(redis, entry, token, metrics=metrics)
        made.append(Desk(entry, token, engine=engine, metrics=metrics, budget=budget, deadline_seconds=deadline_seconds))
        if clock is not None:
            made[-1]._admission = Admission(entry, made[-1]._tell_problem, made[-1].budget.grant, clock=clock)
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def end_pauses(redis: Redis) -> Callable[[Desk], None]:
    """The pauses of all workers are over, and this one knows: rather than waiting for it. What a circuit remembers stays."""

    def end(desk: Desk) -> None:
        for key in redis.scan_iter("simulation:budget:*"):
            redis.hset(key, "until", 1)
        desk.budget.view._shut_until_s = 0.0

    return end


@pytest.fixture
def delivery(engine: Engine, metrics: Metrics) -> OneByOne:
    return OneByOne(engine, metrics)


@pytest.fixture
def delivery_of(engine: Engine, metrics: Metrics) -> Callable[..., OneByOne]:
    """With leases of another length."""
    return lambda lease_ms: OneByOne(engine, metrics, lease_ms=lease_ms)


@pytest.fixture
def request_for() -> Callable[..., ClaimRequest]:
    return lambda simulation, attempt=1, batch=0: ClaimRequest(simulation_id=simulation, batch=batch, attempt=attempt)


@pytest.fixture
def delivered(ledger: Any, make_desk: Any, delivery: Any, request_for: Any, outside: Any) -> Callable[..., uuid.UUID]:
    """A run of which all batches were delivered."""

    def make(records: int = 30, batch_size: int = 10, **spec: Any) -> uuid.UUID:
        outside.limits_off()
        run, desk = ledger.publish(records=records, batch_size=batch_size, **spec), make_desk()
        for batch in range(-(-records // batch_size)):
            assert delivery.deliver(request_for(run, batch=batch), desk).what == "finished"
        return run

    return make


@pytest.fixture
def undertaken(engine: Engine, make_desk: Any) -> Callable[..., Asked]:
    """An errand that was asked for, to be carried out attempt by attempt."""

    def ask(run: uuid.UUID, kind: str, perform: Callable[[Undertaking], ErrandEnd]) -> Asked:
        desk = make_desk()
        assert desk.make_ready()
        return Asked(engine, desk, run, kind, perform)

    return ask


@pytest.fixture
def settings(tmp_path: Path, migrated_url: str, redis_url: str, outside: Outside) -> dict[str, str]:
    """The environment of a worker process that serves the portal `default`."""
    portals, tokens = tmp_path / "portals.yaml", tmp_path / "tokens"
    portals.write_text(f"- {{name: default, tier: professional, allowedNamespaces: ['*'], url: '{outside.url}'}}\n")
    tokens.mkdir()
    (tokens / "default").write_text("any")
    return {
        **os.environ,
        "SIMULATION_DATABASE_URL": migrated_url,
        "SIMULATION_REDIS_URL": redis_url,
        "SIMULATION_PORTALS_FILE": str(portals),
        "SIMULATION_PORTAL_TOKENS_DIR": str(tokens),
        "SIMULATION_BIND_ADDRESS": "127.0.0.1:0",
    }


@pytest.fixture
def start_worker(tmp_path: Path, settings: dict[str, str]) -> Iterator[Callable[..., WorkerProcess]]:
    started: list[WorkerProcess] = []

    def start(**changes: str) -> WorkerProcess:
        started.append(WorkerProcess(tmp_path, {**settings, **changes}))
        return started[-1]

    yield start
    for process in started:
        if process.running:
            process.kill()
