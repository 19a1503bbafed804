"""kill -9 of every process, a wiped queue, servers that go away, a CRM that fails: each run ends complete, exact, nothing early.

Each test applies a run of its own, and returns when what it did to it is over; all of them feel it, and the last tests see how they ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from simulation_sandbox.waiting import wait_for

RUNS = ("killed", "cut-off", "refused")
RECORDS = 200
KILLED = 137  # the exit code of kill -9
ENDS_WITHIN_SECONDS = 150.0  # a batch whose worker was killed in the middle of a call waits for its lease
CIRCUIT_SECONDS = 150.0  # each of five more failures opens the circuit again, for thirty seconds in the end


@pytest.fixture(scope="module")
def bells(shared_runs: Any, simulation: Any) -> Any:
    """By the name of the run: 200 companies with their contacts, most of them in the middle of 40 seconds."""
    shape = {"scenario": "B2B", "distribution": {"method": "BellCurve"}, "toleranceMilliseconds": 200}

    def begin(name: str) -> Any:
        shared_runs.apply(simulation(name, totalRecords=RECORDS, durationSeconds=40, **shape))
        return shared_runs.until_processed(name, 5)

    return begin


def wait_for_faults(cluster: Any, taken: int) -> None:
    """Until the first of the faults asked for has hit that many calls; one that is used up isn't listed any more."""
    wait_for(
        lambda: not (left := cluster.hubspot("GET", "summary")["faults"]) or left[0]["taken"] >= taken,
        what="calls to be hit",
        within_seconds=60,
    )


def test_every_process_is_killed_and_the_queue_is_wiped(cluster: Any, shared_runs: Any, bells: Any) -> None:
    bells("killed")
    cluster.hubspot("POST", "faults", match="batch/upsert", kind="latency", milliseconds=3000, times=1)
    wait_for_faults(cluster, 1)
    cluster.kill("worker")  # in the middle of a call
    cluster.kill("operator")
    with cluster.redis() as queue:
        queue.flushall()
    cluster.kill("scheduler")
    before = shared_runs.get("killed")["status"]["recordsProcessed"]
    shared_runs.until_processed("killed", before + 5)
    assert set(cluster.endings("worker")) <= {KILLED}, "a worker ended by itself"


def test_postgres_the_queue_and_the_api_server_go_away_and_come_back(cluster: Any, shared_runs: Any, bells: Any) -> None:
    bells("cut-off")
    cluster.kill_part("postgres")
    cluster.kill_part("valkey")
    cluster.kill_part("kube-apiserver")
    with cluster.database_away():
        shared_runs.until_waiting("cut-off", "DatabaseUnavailable")
    with cluster.redis() as queue:
        queue.client_pause(10_000)
    shared_runs.until_waiting("cut-off", "QueueUnavailable")
    shared_runs.until("cut-off", "going on", lambda status: status["phase"] == "Completed" or goes_on(status), within_seconds=60)


def goes_on(status: Any) -> bool:
    return any(each["type"] == "Progressing" and each["status"] == "True" for each in status["conditions"])


def test_a_crm_that_refuses_and_loses_answers_is_waited_for_and_said_so(cluster: Any, shared_runs: Any, bells: Any) -> None:
    bells("refused")
    try:
        cluster.hubspot("POST", "faults", match="/crm/", kind="status", status=503, times=None)
        shared_runs.until_waiting("refused", "CircuitOpen")  # where it stays after some failures
        cluster.hubspot("DELETE", "faults")
        cluster.hubspot("POST", "faults", match="batch/upsert", kind="lose_response", times=3)
        cluster.hubspot("POST", "faults", match="batch/upsert", kind="reset", times=2)
        cluster.hubspot("POST", "faults", match="batch/upsert", kind="status", status=401, times=None)  # each worker meets it by itself
        shared_runs.until_waiting("refused", "CredentialRejected", within_seconds=CIRCUIT_SECONDS)
    finally:
        cluster.hubspot("DELETE", "faults")


def test_no_secret_is_in_logs_objects_jobs_or_rows(cluster: Any, shared_runs: Any, simulation: Any) -> None:
    """Now that everything has failed once and was complained about."""
    shared_runs.apply(simulation("probe"))
    with cluster.redis() as queue:
        jobs = wait_for(lambda: dump_of_jobs(queue), what="jobs in Redis", within_seconds=30)
    kinds = "simulations,events,configmaps,pods,deployments,replicasets"
    places = {
        "jobs in Redis": jobs,
        "objects": cluster.kubectl("get", kinds, "--all-namespaces", "-o", "yaml"),
        "the events of their own group": cluster.kubectl("get", "events.events.k8s.io", "--all-namespaces", "-o", "yaml"),
        "the CRM": str([cluster.hubspot("GET", f"objects/{kind}?limit=10000") for kind in ("companies", "contacts")]),
        **dict(rows(cluster.database_url)),
        **cluster.logs(),
    }
    for component in ("operator", "scheduler", "worker"):
        assert cluster.log(component), f"the log of the {component} is there to be searched"
    secrets = {
        "the database's password": urlsplit(cluster.database_url).password,
        "Redis' password": urlsplit(cluster.redis_url).password,
        "the CRM's token": cluster.token,
    }
    assert all(secrets.values())
    assert [f"{secret} is in {place}" for secret, value in secrets.items() for place, text in places.items() if value in text] == []


@pytest.mark.parametrize("name", RUNS)
def test_each_run_ends_complete_and_exact(shared_runs: Any, name: str) -> None:
    shared_runs.until_phase(name, "Completed", within_seconds=ENDS_WITHIN_SECONDS)
    proof = shared_runs.proof(name)
    assert proof.faults == []
    assert (proof.processed, proof.early) == (RECORDS, 0)


@pytest.mark.parametrize("component", ["operator", "scheduler"])
def test_no_process_ended_but_those_that_were_killed(cluster: Any, component: str) -> None:
    assert cluster.restarts(component) == cluster.kills[component]
    assert set(cluster.endings(component)) <= {KILLED}


def dump_of_jobs(queue: redis.Redis) -> str | None:
    """Everything in Redis as text, once there are jobs."""
    names = list(queue.scan_iter())
    jobs = [name for name in names if name.startswith(b"rq:job:")]
    return f"{names} {[queue.dump(name) for name in names]} {[queue.hgetall(name) for name in jobs]}" if jobs else None


def rows(database_url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            found = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
            yield f"table {table}", str(found)
