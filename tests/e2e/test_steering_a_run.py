"""Suspend, resume, cancel, delete, create again, apply again: what a user does to a run that is under way."""

from __future__ import annotations

from typing import Any

import pytest

from simulation_sandbox.waiting import wait_for


@pytest.fixture
def steered(simulation: Any) -> Any:
    """Long enough that there is a middle."""
    return simulation(totalRecords=100, durationSeconds=20)


def test_a_suspended_run_begins_nothing_and_catches_up_when_resumed(cluster: Any, runs: Any, steered: Any, condition_of: Any) -> None:
    runs.apply(steered)
    uid = runs.until_processed("run", 10)["metadata"]["uid"]
    runs.set("run", suspend=True)
    status = runs.until_phase("run", "Suspended", within_seconds=10)["status"]
    assert condition_of(status, "Suspended")["status"] == "True"
    assert condition_of(status, "Progressing")["reason"] == "Suspended"
    before = runs.created_ms(uid)
    runs.until_overdue(uid, 20)
    assert runs.created_ms(uid) == before
    runs.set("run", suspend=False)
    runs.until_phase("run", "Completed", within_seconds=90)
    assert runs.proof("run").faults == []


def test_a_run_created_suspended_takes_changes_and_starts_when_it_is_resumed(cluster: Any, runs: Any, simulation: Any) -> None:
    runs.apply(simulation(suspend=True))
    found = runs.until_phase("run", "Suspended", within_seconds=30)
    assert "startTime" not in found["status"]
    runs.set("run", retries={"limit": 9})
    stored = "SELECT spec -> 'retries' ->> 'limit' FROM simulations WHERE id = %s"
    wait_for(lambda: cluster.query(stored, found["metadata"]["uid"]) == [("9",)], what="the new limit to be stored", within_seconds=15)
    runs.until("run", "the new generation seen", lambda status: status["observedGeneration"] == 2, within_seconds=15)
    runs.set("run", suspend=False)
    runs.until_phase("run", "Completed", within_seconds=90)
    assert runs.proof("run").faults == []


def test_a_cancelled_run_ends_for_good_and_keeps_its_counts(cluster: Any, runs: Any, steered: Any) -> None:
    runs.apply(steered)
    uid = runs.until_processed("run", 10)["metadata"]["uid"]
    runs.set("run", cancel=True)
    status = runs.until_phase("run", "Cancelled", within_seconds=15)["status"]
    delivered = runs.created_ms(uid)
    assert 10 <= len(delivered) < 100
    runs.until_overdue(uid, 10)
    assert runs.created_ms(uid) == delivered
    assert cluster.query("SELECT status, records_processed FROM simulations WHERE id = %s", uid) == [("CANCELLED", len(delivered))]
    settled = runs.until("run", "its last count", lambda now: now["recordsProcessed"] == len(delivered), within_seconds=15)["status"]
    assert (settled["phase"], settled["recordsFailed"], settled["recordsSkipped"]) == ("Cancelled", 0, 0)
    assert settled["progress"] == f"{len(delivered)}%"
    assert "Cancelled after" in settled["message"], status


def test_deleting_stops_a_run_and_the_same_name_is_a_new_one(cluster: Any, runs: Any, steered: Any, simulation: Any) -> None:
    runs.apply(steered)
    old = runs.until_processed("run", 10)["metadata"]["uid"]
    runs.kubectl("delete", "simulation", "run", "--timeout=20s")

    def stopped() -> bool:
        return cluster.query("SELECT run_state FROM simulation_control WHERE simulation_id = %s", old) == [("DELETED",)]

    wait_for(stopped, what="the run to stop", within_seconds=15)
    runs.apply(simulation())
    new = runs.until_processed("run", 1)["metadata"]["uid"]
    assert new != old
    of_the_old = runs.created_ms(old)
    runs.until_phase("run", "Completed", within_seconds=90)
    assert runs.created_ms(old) == of_the_old
    assert len(of_the_old) < 100
    assert runs.proof("run").faults == []
