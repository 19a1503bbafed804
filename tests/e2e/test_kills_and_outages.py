"""kill -9 of every process, a wiped queue, servers that restart, a CRM that fails: each run ends complete, exact, nothing early."""

from __future__ import annotations

from typing import Any

import pytest

from simulation_sandbox.waiting import wait_for

ENDS_WITHIN_SECONDS = 150.0  # a batch whose worker was killed in the middle of a call waits for its lease


@pytest.fixture
def bell(simulation: Any) -> Any:
    return simulation(scenario="B2B", totalRecords=200, durationSeconds=40, distribution={"method": "BellCurve"}, toleranceMilliseconds=200)


def wait_for_fault(cluster: Any, times: int) -> None:
    """Until the first fault asked for has hit that many calls."""
    wait_for(
        lambda: not (left := cluster.hubspot("GET", "summary")["faults"]) or left[0]["taken"] >= times,
        what="calls to be hit",
        within_seconds=60,
    )


def assert_exact(runs: Any) -> None:
    runs.until_phase("run", "Completed", within_seconds=ENDS_WITHIN_SECONDS)
    proof = runs.proof("run")
    assert proof.faults == []
    assert (proof.processed, proof.early) == (200, 0)


def test_every_process_is_killed_and_the_queue_is_wiped(cluster: Any, runs: Any, bell: Any) -> None:
    runs.apply(bell)
    runs.until_processed("run", 5)
    cluster.hubspot("POST", "faults", match="batch/upsert", kind="latency", milliseconds=3000, times=1)
    wait_for_fault(cluster, 1)
    cluster.kill("worker")  # in the middle of a call
    cluster.kill("operator")
    with cluster.redis() as queue:
        queue.flushall()
    cluster.kill("scheduler")
    cluster.kill("worker")
    assert_exact(runs)


def test_servers_restart_under_a_run(cluster: Any, runs: Any, bell: Any) -> None:
    runs.apply(bell)
    runs.until_processed("run", 5)
    cluster.kill_part("postgres")
    runs.until_processed("run", 30)
    cluster.kill_part("valkey")
    runs.until_processed("run", 60)
    cluster.kill_part("kube-apiserver")
    assert_exact(runs)


def test_a_crm_that_refuses_and_loses_answers_is_waited_for_and_said_so(cluster: Any, runs: Any, bell: Any) -> None:
    runs.apply(bell)
    runs.until_processed("run", 5)
    try:
        cluster.hubspot("POST", "faults", match="/crm/", kind="status", status=503, times=None)
        runs.until_waiting("run", "PortalUnavailable")
    finally:
        cluster.hubspot("DELETE", "faults")
    cluster.hubspot("POST", "faults", match="batch/upsert", kind="lose_response", times=3)
    cluster.hubspot("POST", "faults", match="batch/upsert", kind="reset", times=2)
    wait_for_fault(cluster, 3)
    assert_exact(runs)
