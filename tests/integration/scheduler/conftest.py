"""A dispatcher between the real ledger and the real Valkey."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from simulation_core.clock import from_ms, now_ms
from simulation_core.ledger import accept, plans, runs
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Run
from simulation_core.plan.batches import Batches
from simulation_core.plan.load import load_of
from simulation_core.plan.plan import Plan
from simulation_core.portals import PortalsFile
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.spec import parse_spec
from simulation_operator.scheduler.dispatcher import Dispatcher
from simulation_sandbox.ports import free_port

# two seconds' worth: 20 and 40 single records
PORTALS = """
- {name: east, callsPerTenSeconds: 1, allowedNamespaces: ["*"]}
- {name: west, callsPerTenSeconds: 2, allowedNamespaces: ["*"]}
"""
USER = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")


class Ledger:
    """Runs with a batch at each of the given moments, in milliseconds from now."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def publish(self, *due_in_ms: int, portal: str = "east", missed_records: str = "CatchUp", records_a_batch: int = 1) -> uuid.UUID:
        run = uuid.uuid4()
        start = now_ms() - 1_000_000
        given: dict[str, Any] = {
            "scenario": "B2C",
            "totalRecords": len(due_in_ms) * records_a_batch,
            "durationSeconds": 7200,
            "startTime": from_ms(start).isoformat(timespec="milliseconds"),
            "portal": portal,
            "missedRecords": missed_records,
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
        dues = np.array(sorted(1_000_000 + each for each in due_in_ms), dtype=np.int64)
        offsets = np.repeat(dues, records_a_batch)
        count = len(offsets)
        firsts = np.arange(0, count, records_a_batch, dtype=np.int64)
        batches = Batches(first_record=firsts, count=np.full(len(dues), records_a_batch, dtype=np.int16), offset_ms=dues)
        plan = Plan(offsets_ms=offsets, batches=batches, histogram=(0,) * 40, peak_per_minute=0, objects={"contacts": count})
        plans.store(self.engine, run, plan, 0)
        plans.publish(self.engine, run, plan, load_of(parsed, plan, seed=42))
        return run

    def away_for(self, milliseconds: int) -> None:
        """As if all processes had been away for that long, rather than waiting: the past of all runs lies back by it."""
        past = {"past": timedelta(milliseconds=milliseconds)}
        with transaction(self.engine) as connection:
            connection.execute(text("UPDATE simulation_control SET changed_at = changed_at - :past"), past)
            connection.execute(text("UPDATE simulations SET start_time = start_time - :past, end_time = end_time - :past"), past)

    def run(self, id: uuid.UUID) -> Run:  # noqa: A002 - the column's name
        found = runs.get(self.engine, id)
        assert found is not None
        return found


class Waiting:
    """What waits in Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def queued(self, portal: str = "east") -> list[str]:
        return [each.decode() for each in self.redis.lrange(f"rq:queue:simulation-deliver-{portal}", 0, -1)]

    def time_passes(self, seconds: float) -> None:
        """What is scheduled is due that much sooner."""
        for name, score in self.redis.zrange(SCHEDULED, 0, -1, withscores=True):
            self.redis.zadd(SCHEDULED, {name: score - seconds})

    @property
    def scheduled(self) -> list[str]:
        return [each.decode() for each in self.redis.zrange(SCHEDULED, 0, -1)]

    def worker_takes(self, count: int, portal: str = "east") -> None:
        """Takes jobs and dies: nothing is claimed, no hash is left."""
        for name in self.redis.lpop(f"rq:queue:simulation-deliver-{portal}", count) or []:
            self.redis.delete(b"rq:job:" + name)


class SchedulerProcess:
    """simulation-scheduler as users run it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / f"scheduler-{uuid.uuid4().hex[:6]}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulation_operator.scheduler.main"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.url = f"http://{environment['SIMULATION_BIND_ADDRESS']}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def terminated(self, within_seconds: float = 15) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine)


@pytest.fixture
def waiting(redis: Redis) -> Waiting:
    return Waiting(redis)


@pytest.fixture
def portals_path(tmp_path: Path) -> Path:
    path = tmp_path / "portals.yaml"
    path.write_text(PORTALS)
    return path


@pytest.fixture
def scheduler(redis: Redis) -> BulkScheduler:
    return BulkScheduler(redis)


@pytest.fixture
def dispatcher(engine: Engine, scheduler: BulkScheduler, portals_path: Path) -> Dispatcher:
    return Dispatcher(engine, scheduler, PortalsFile(portals_path))


@pytest.fixture
def start_scheduler(tmp_path: Path, redis_url: str, portals_path: Path) -> Iterator[Callable[..., SchedulerProcess]]:
    started: list[SchedulerProcess] = []

    def start(database_url: str, **changes: str) -> SchedulerProcess:
        environment = {
            "PATH": os.environ["PATH"],
            "SIMULATION_DATABASE_URL": database_url,
            "SIMULATION_REDIS_URL": redis_url,
            "SIMULATION_PORTALS_FILE": str(portals_path),
            "SIMULATION_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            **changes,
        }
        started.append(SchedulerProcess(tmp_path, environment))
        return started[-1]

    yield start
    for each in started:
        each.kill()
