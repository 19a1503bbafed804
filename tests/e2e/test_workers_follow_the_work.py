"""Workers are there before the first record is due, and gone when it has been quiet."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from simulation_sandbox.waiting import wait_for


def test_a_worker_is_ready_before_the_first_record_is_due_and_none_is_left_after_the_quiet_time(
    cluster: Any, runs: Any, simulation: Any, quiet_seconds: int
) -> None:
    wait_for(lambda: workers(cluster) == (0, 0), what="no worker while nothing is due", within_seconds=120)
    runs.apply(simulation(totalRecords=10, durationSeconds=5))
    wait_for(lambda: workers(cluster)[1] > 0, what="a worker to be ready", within_seconds=30)
    ready_at = datetime.now(UTC)
    start = datetime.fromisoformat(
        runs.until("run", "a start", lambda status: "startTime" in status, within_seconds=15)["status"]["startTime"]
    )
    assert ready_at < start, f"a worker was ready {ready_at - start} after the window began"
    runs.until_phase("run", "Completed", within_seconds=60)
    completed = time.monotonic()
    wait_for(lambda: workers(cluster) == (0, 0), what="the worker to be released", within_seconds=quiet_seconds + 60)
    assert time.monotonic() - completed > quiet_seconds / 2, "it went before the quiet time was over"
    assert runs.proof("run").faults == []


def workers(cluster: Any) -> tuple[int, int]:
    """How many are wanted, and how many are ready."""
    deployment = cluster.deployment("worker")
    return deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
