"""A portal's token goes to HubSpot and nowhere else: not into logs, metrics, Redis, Postgres or the Simulation, whatever happens."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from redis import Redis

from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_sandbox.ports import free_port
from simulation_sandbox.processes import Child
from simulation_sandbox.waiting import wait_for

SECRET, ROTATED = "pat-na1-5ecre7-5ecre7-5ecre7", "pat-na1-r07a7ed-r07a7ed"
FAULTS: list[dict[str, Any]] = [
    {"match": "companies/batch", "kind": "status", "status": 503},
    {"match": "companies/batch", "kind": "lose_response"},
    {"match": "contacts/batch", "kind": "reset"},
    {"match": "contacts/batch", "kind": "status", "status": 429, "retryAfterSeconds": 1},
    {"match": "contacts/batch", "kind": "status", "status": 500},
    {"match": "contacts/batch", "kind": "status", "status": 409},
    {"match": "companies/batch", "kind": "status", "status": 400},
    {"match": "companies/batch", "kind": "echo", "status": 503},
    {"match": "companies/batch", "kind": "echo", "status": 400},
]


class Started:
    """Scheduler and worker as processes, at DEBUG."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.logs: list[Path] = []
        self._folder, self._env = folder, env
        self._children: list[tuple[Child, str]] = []
        for module in ("simulation_operator.scheduler.main", "simulation_worker.main"):
            self.start(module)

    def start(self, module: str) -> None:
        address, log = f"127.0.0.1:{free_port()}", self._folder / f"{module}.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATION_")}
        child = Child.spawn([sys.executable, "-m", module], log=log, env=env | self._env | {"SIMULATION_BIND_ADDRESS": address})
        self._children.append((child, address))
        self.logs.append(log)

    def metrics(self) -> str:
        return "".join(read(f"http://{address}/metrics") for _, address in self._children)

    def stop(self) -> None:
        for child, _ in self._children:
            child.stop(grace_seconds=20)
        self._children.clear()


def read(url: str) -> str:
    """Nothing while the process is still starting."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "default").write_text(SECRET)
    return folder


@pytest.fixture
def started(tmp_path: Path, make_operator: Any, simulation_kind: None, migrated_url: str, hubspot: EmulatorServer, tokens: Path) -> Any:
    operator = make_operator(migrated_url, SIMULATION_LOG_LEVEL="DEBUG")
    operator.write_portals([{"name": "default", "tier": "professional", "allowedNamespaces": ["*"], "url": hubspot.url}])
    operator.start()
    env = {**operator.env, "SIMULATION_PORTAL_TOKENS_DIR": str(tokens)}
    processes = Started(tmp_path, env)
    yield operator, processes
    processes.stop()


@pytest.fixture
def outside(hubspot: EmulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hubspot.url) as client:
        yield client


def everything_in(redis: Redis) -> str:
    """Keys and values of every type."""
    read = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }
    return "\n".join(f"{key!r}: {read[kind](key)!r}" for key in redis.scan_iter() if (kind := redis.type(key)) in read)


def every_table_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(str(connection.execute(f'SELECT t::text FROM "{name}" AS t').fetchall()) for (name,) in tables)


def test_nothing_but_hubspot_ever_sees_a_token(
    started: Any, cluster: Any, outside: httpx.Client, tokens: Path, redis: Redis, migrated_url: str
) -> None:
    operator, processes = started
    for fault in FAULTS:
        outside.post("/_emulator/faults", json=fault).raise_for_status()
    outside.post("/_emulator/accounts", json={"token": SECRET, "accountId": 777}).raise_for_status()
    seen = ""

    def look() -> None:
        """While work is under way, too."""
        nonlocal seen
        seen += "\n".join((everything_in(redis), processes.metrics(), operator.answer("/metrics")[1]))

    cluster.create(totalRecords=30, durationSeconds=6, startTime=cluster.rfc3339(2), toleranceMilliseconds=200, retries={"limit": 10})
    wait_for(lambda: look() is None and not outside.get("/_emulator/summary").json()["faults"], what="all faults", within_seconds=60)
    # refused by somebody who repeats it, and then another one
    outside.post("/_emulator/faults", json={"match": "", "kind": "echo", "status": 401, "times": None}).raise_for_status()
    cluster.create("second", totalRecords=5, startTime=cluster.rfc3339(1), durationSeconds=1)
    cluster.wait_for_reason("CredentialRejected", name="second", within_seconds=60)
    outside.delete("/_emulator/faults").raise_for_status()
    (tokens / "default").write_text(ROTATED)
    for name in ("launch", "second"):
        cluster.wait(lambda found: found["status"]["phase"] in {"Completed", "Failed"}, "the end", name=name, within_seconds=120)
        look()
        seen += json.dumps(cluster.get(name), default=str)
    processes.stop()
    operator.stop()
    seen += every_table_of(migrated_url) + everything_in(redis) + operator.log + "".join(log.read_text() for log in processes.logs)
    for found in (
        "level=debug",
        "portal default is left alone",
        "CredentialRejected",
        "simulation:budget:",
        'hubspot_calls_total{portal="default"',
    ):
        assert found in seen  # it looked where a token could be
    for token in (SECRET, ROTATED):
        assert token not in seen
        assert token[8:24] not in seen
