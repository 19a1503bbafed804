"""The database's password, Redis' password and the CRM's token appear nowhere but in their Secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from simulation_sandbox.waiting import wait_for


def test_no_secret_is_in_logs_objects_jobs_or_rows(cluster: Any, runs: Any, simulation: Any) -> None:
    runs.apply(simulation(scenario="B2B"))
    with cluster.redis() as queue:
        jobs = wait_for(lambda: dump_of_jobs(queue), what="jobs in Redis", within_seconds=30)
    cluster.hubspot("POST", "faults", match="batch/upsert", kind="status", status=401, times=1)
    runs.until_phase("run", "Completed", within_seconds=120)
    kinds = "simulations,events,configmaps,pods,deployments,replicasets"
    places = {
        "jobs in Redis": jobs,
        "objects": cluster.kubectl("get", kinds, "--all-namespaces", "-o", "yaml"),
        "the events of their own group": cluster.kubectl("get", "events.events.k8s.io", "--all-namespaces", "-o", "yaml"),
        "the CRM": str(cluster.hubspot("GET", f"objects/companies?simulation_id={runs.get('run')['metadata']['uid']}")),
        **dict(rows(cluster.database_url)),
        **cluster.logs(),
    }
    assert any("worker" in place for place in places), "the worker's log is still there"
    secrets = {
        "the database's password": urlsplit(cluster.database_url).password,
        "Redis' password": urlsplit(cluster.redis_url).password,
        "the CRM's token": cluster.token,
    }
    assert all(secrets.values())
    assert [f"{secret} is in {place}" for secret, value in secrets.items() for place, text in places.items() if value in text] == []


def dump_of_jobs(queue: redis.Redis) -> str | None:
    """Everything in Redis as text, once there are jobs."""
    names = list(queue.scan_iter())
    hashes = [name for name in names if name.startswith(b"rq:job:")]
    return f"{names} {[queue.dump(name) for name in names]} {[queue.hgetall(name) for name in hashes]}" if hashes else None


def rows(database_url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            found = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
            yield f"table {table}", str(found)
