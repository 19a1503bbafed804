"""spec.missedRecords as a user meets it: after a suspension, and with a startTime in the past. The CRM is the witness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation_core.plan.missed import MISSED_AFTER_MS
from simulation_sandbox.waiting import wait_for

RECORDS = 100
WINDOW_SECONDS = 20


@pytest.fixture
def interrupted(runs: Any, simulation: Any) -> Any:
    """A run that was suspended until four seconds' worth of records had come due: its status then."""
    runs.apply(simulation(totalRecords=RECORDS, durationSeconds=WINDOW_SECONDS))
    uid = runs.until_processed("run", 10)["metadata"]["uid"]
    runs.set("run", suspend=True)
    status = runs.until_phase("run", "Suspended", within_seconds=10)["status"]
    runs.until_overdue(uid, 20)
    return status


def moment(status: Any, field: str) -> datetime:
    return datetime.fromisoformat(status[field])


def test_after_a_suspension_skip_never_delivers_what_was_missed(runs: Any, interrupted: Any) -> None:
    runs.set("run", suspend=False, missedRecords="Skip")  # the value counts that came with the resume
    status = runs.until_phase("run", "Completed", within_seconds=60)["status"]
    assert status["recordsSkipped"] >= 20
    assert status["recordsProcessed"] + status["recordsSkipped"] == RECORDS
    assert (status["endTime"], status["progress"]) == (interrupted["endTime"], "100%")
    proof = runs.proof("run")
    assert proof.faults == []
    assert (proof.skipped, proof.early) == (status["recordsSkipped"], 0)
    told = runs.events("run")
    assert told["RecordsSkipped"] == f"{status['recordsSkipped']} records that were missed were skipped so far"
    assert "Shifted" not in told


def test_after_a_suspension_shift_moves_the_plan_and_delivers_all_of_it_in_time(runs: Any, interrupted: Any) -> None:
    runs.set("run", suspend=False, missedRecords="Shift")
    status = runs.until_phase("run", "Completed", within_seconds=60)["status"]
    assert (status["recordsProcessed"], status["recordsSkipped"]) == (RECORDS, 0)
    moved = moment(status, "endTime") - moment(interrupted, "endTime")
    assert moved >= timedelta(seconds=3)
    assert moment(status, "startTime") - moment(interrupted, "startTime") == moved
    assert status["timeline"]["startTime"] == status["startTime"]
    proof = runs.proof("run")
    assert (proof.faults, proof.early) == ([], 0)
    assert proof.p99_lateness_ms < moved.total_seconds() * 1000  # caught up with, they would be late by all of it
    assert "the plan was moved by" in runs.events("run")["Shifted"]


def test_a_start_in_the_past_is_caught_up_with_skipped_or_shifted(runs: Any, simulation: Any) -> None:
    start = datetime.now(UTC) - timedelta(seconds=10)
    window = {"totalRecords": RECORDS, "durationSeconds": WINDOW_SECONDS, "startTime": start.isoformat(timespec="milliseconds")}
    for name, policy in (("catch-up", "CatchUp"), ("skip", "Skip"), ("shift", "Shift")):
        runs.apply(simulation(name, missedRecords=policy, **window))
    ended = {name: runs.until_phase(name, "Completed", within_seconds=60)["status"] for name in ("catch-up", "skip", "shift")}
    assert [ended[name]["recordsProcessed"] for name in ("catch-up", "shift")] == [RECORDS] * 2
    assert ended["skip"]["recordsSkipped"] >= RECORDS // 2 - 5
    assert ended["skip"]["recordsProcessed"] + ended["skip"]["recordsSkipped"] == RECORDS
    by = {name: moment(status, "startTime") - start for name, status in ended.items()}
    assert abs(by["catch-up"]) < timedelta(milliseconds=1)
    assert abs(by["skip"]) < timedelta(milliseconds=1)
    assert by["shift"] >= timedelta(seconds=9)
    for name in ended:
        proof = runs.proof(name)
        assert (name, proof.faults, proof.early) == (name, [], 0)
    assert "the plan was moved by" in runs.events("shift")["Shifted"]


def test_after_an_outage_of_more_than_a_minute_each_policy_has_its_way(cluster: Any, runs: Any, simulation: Any) -> None:
    """Postgres is away for real; who is late by more than a minute then has missed it, who is late by less is only late."""
    runs.apply(simulation("skip", totalRecords=150, durationSeconds=75, missedRecords="Skip"))
    runs.apply(simulation("shift", totalRecords=40, durationSeconds=20, missedRecords="Shift"))
    runs.apply(simulation("catch-up", totalRecords=40, durationSeconds=20))
    names = ("skip", "shift", "catch-up")
    before = {name: runs.until_processed(name, 3)["status"] for name in names}
    away_until = datetime.now(UTC) + timedelta(seconds=MISSED_AFTER_MS / 1000 + 8)
    with cluster.database_away():
        wait_for(lambda: datetime.now(UTC) >= away_until, what="more than a minute to pass", within_seconds=90)
    ended = {name: runs.until_phase(name, "Completed", within_seconds=120)["status"] for name in names}
    assert 5 <= ended["skip"]["recordsSkipped"] < 140  # what fell due in the last minute was caught up with
    assert ended["skip"]["recordsSkipped"] + ended["skip"]["recordsProcessed"] == 150
    assert [ended[name]["recordsProcessed"] for name in ("shift", "catch-up")] == [40, 40]
    moved = moment(ended["shift"], "endTime") - moment(before["shift"], "endTime")
    assert moved > timedelta(minutes=1)
    assert ended["catch-up"]["endTime"] == before["catch-up"]["endTime"]
    for name in names:
        proof = runs.proof(name)
        assert (name, proof.faults, proof.early) == (name, [], 0)
