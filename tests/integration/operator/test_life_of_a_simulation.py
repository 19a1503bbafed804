"""From a manifest to a run in the ledger and back to its status: what a person does with kubectl, and what they see."""

from __future__ import annotations

import time
import uuid

from simulation_core.queue.jobs import SCHEDULED
from simulation_sandbox.demo.kubectl import Kubectl
from simulation_sandbox.waiting import wait_for


def test_a_manifest_becomes_a_planned_run(cluster, operator, ledger):
    created = cluster.create()
    status = cluster.wait_for_phase("Queued")["status"]
    assert ledger.status(created) == "QUEUED"
    assert 0 < ledger.batches(created) <= 200
    assert status["totalRecords"] == 200
    assert status["progress"] == "0%"
    assert status["objects"]["companies"] == 200
    assert sum(status["timeline"]["planned"]) == 200
    assert status["observedGeneration"] == 1
    shown = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert shown == {
        "Accepted": "True", "Feasible": "True", "Progressing": "True", "Complete": "False", "Failed": "False", "Finished": "False",
        "Suspended": "False",
    }  # fmt: skip


def test_what_it_offers_of_a_new_plan_lies_within_the_horizon_it_is_told(cluster, make_operator, simulation_kind, migrated_url, redis):
    operator = make_operator(migrated_url, SIMULATION_HORIZON_SECONDS="5", SIMULATION_LEAD_MILLISECONDS="1000")
    operator.start()
    cluster.create(startTime=None, totalRecords=2000, durationSeconds=600)
    wait_for(lambda: redis.zcard(SCHEDULED) > 0, what="the first batches in Redis", within_seconds=20)
    ((_, latest_s),) = redis.zrange(SCHEDULED, -1, -1, withscores=True)
    assert latest_s <= time.time() + 5


def test_describe_tells_the_story(cluster, operator):
    cluster.create()
    cluster.wait_for_phase("Queued")
    cluster.patch(suspend=True)
    cluster.wait_for_phase("Suspended")
    cluster.patch(suspend=False)
    cluster.wait_for_phase("Queued")
    cluster.patch(cancel=True)
    cluster.wait_for_phase("Cancelled")
    told = ["Accepted", "Planned", "Suspended", "Resumed", "Cancelled"]
    wait_for(lambda: len(cluster.events()) >= len(told), what="the Events", within_seconds=10)
    assert sorted(event.reason for event in cluster.events()) == sorted(told)
    assert all(event.type == "Normal" for event in cluster.events())


def test_kubectl_wait_returns_at_the_end(cluster, operator, control_plane):
    kubectl = Kubectl(control_plane)

    def wait_for_condition(condition: str) -> str:
        return kubectl("wait", f"--for=condition={condition}", "simulation/launch", "-n", cluster.namespace, "--timeout=30s")

    cluster.create()
    assert "condition met" in wait_for_condition("Progressing")
    assert "condition met" in wait_for_condition("Complete=False")
    cluster.patch(cancel=True)
    assert "condition met" in wait_for_condition("Finished")
    assert "condition met" in wait_for_condition("Complete=False")


def test_what_has_ended_is_not_looked_at_again(cluster, operator, ledger):
    """However many there are: neither by the lists nor after a restart."""
    for number in range(5):
        cluster.create(name=f"old-{number}", cancel=True)
    for number in range(5):
        cluster.wait_for_phase("Cancelled", name=f"old-{number}")
    operator.stop()
    before = [cluster.get(f"old-{number}")["metadata"]["resourceVersion"] for number in range(5)]
    operator.start()
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= 3, what="three lists", within_seconds=30)
    assert operator.metric("simulation_operator_reconciles_total") == 0
    assert operator.metric("simulation_operator_simulations") == 5
    assert [cluster.get(f"old-{number}")["metadata"]["resourceVersion"] for number in range(5)] == before
    gone = cluster.get("old-0")
    cluster.delete("old-0")
    wait_for(
        lambda: ledger("SELECT 1 FROM simulations WHERE id::text = %s AND deleted_at IS NOT NULL", gone["metadata"]["uid"]),
        what="the deletion to be noted",
        within_seconds=20,
    )


def test_a_run_suspended_from_birth_gets_its_start_when_it_is_resumed(cluster, operator, ledger):
    created = cluster.create(startTime=None, suspend=True)
    status = cluster.wait_for_phase("Suspended")["status"]
    assert "startTime" not in status
    assert ledger.batches(created) == 0
    cluster.patch(suspend=False)
    status = cluster.wait(lambda found: "startTime" in found["status"] and found["status"]["phase"] == "Queued", "a start")["status"]
    assert ledger.batches(created) > 0
    assert status["observedGeneration"] == 2


def test_what_may_change_is_stored(cluster, operator, ledger):
    created = cluster.create()
    cluster.wait_for_phase("Queued")
    cluster.patch(retries={"limit": 9})
    wait_for(
        lambda: ledger("SELECT spec->'retries'->>'limit' FROM simulations WHERE id::text = %s", created["metadata"]["uid"]) == [("9",)],
        what="the new limit in the ledger",
        within_seconds=10,
    )


def test_nothing_is_written_while_nothing_changes(cluster, operator):
    cluster.create()
    cluster.wait_for_phase("Queued")
    before = cluster.wait(lambda found: found["status"]["observedGeneration"] == 1, "a status")["metadata"]["resourceVersion"]
    resyncs = operator.metric("simulation_operator_resyncs_total")
    cluster.patch(missedRecords="CatchUp")  # the same manifest again
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= resyncs + 2, what="two resyncs", within_seconds=20)
    assert cluster.get()["metadata"]["resourceVersion"] == before


def test_nothing_of_ours_is_left_on_the_object(cluster, operator):
    cluster.create()
    metadata = cluster.wait_for_phase("Queued")["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


def test_deleted_and_created_again_is_another_simulation(cluster, operator, ledger):
    first = cluster.create()
    cluster.wait_for_phase("Queued")
    cluster.delete()
    second = cluster.create()
    cluster.wait_for_phase("Queued")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    wait_for(lambda: ledger.status(first) == "CANCELLED", what="the first run to end", within_seconds=20)
    assert ledger.status(second) == "QUEUED"


def test_rows_put_into_the_table_by_hand_are_ignored(cluster, operator, ledger):
    """The start signal is the resource alone: a bare row is nothing to anybody, a whole one is ended as a run whose resource is gone."""
    created = cluster.create()
    cluster.wait_for_phase("Queued")
    known, bare, whole = (uuid.UUID(value) for value in (created["metadata"]["uid"], str(uuid.uuid4()), str(uuid.uuid4())))
    for copy in (bare, whole):
        changed = "jsonb_populate_record(s, jsonb_build_object('id', %s::text))"
        ledger(f"INSERT INTO simulations SELECT ({changed}).* FROM simulations s WHERE id = %s", copy, known)
    ledger("INSERT INTO simulation_control (simulation_id, run_state) VALUES (%s, 'RUNNING')", whole)
    wait_for(
        lambda: ledger("SELECT run_state FROM simulation_control WHERE simulation_id = %s", whole) == [("DELETED",)],
        what="the end of the run nobody asked for",
        within_seconds=20,
    )
    assert ledger("SELECT status, deleted_at FROM simulations WHERE id = %s", bare) == [("QUEUED", None)]
    assert ledger("SELECT run_state FROM simulation_control WHERE simulation_id = %s", bare) == []
    assert ledger.status(created) == "QUEUED"
    assert "Traceback" not in operator.log


def test_a_deletion_while_the_operator_was_down_is_found_by_lists(cluster, operator, ledger):
    created = cluster.create()
    cluster.wait_for_phase("Queued")
    assert operator.stop() == 0
    cluster.delete()
    operator.start()
    wait_for(lambda: ledger.status(created) == "CANCELLED", what="the run to end", within_seconds=20)


def test_a_change_while_the_operator_was_down_is_found_too(cluster, operator):
    cluster.create()
    cluster.wait_for_phase("Queued")
    operator.stop()
    cluster.patch(suspend=True)
    operator.start()
    cluster.wait_for_phase("Suspended")


def test_a_restart_writes_nothing_that_is_shown_already(cluster, operator):
    cluster.create()
    cluster.wait_for_phase("Queued")
    operator.stop()
    before = cluster.get()["metadata"]["resourceVersion"]
    operator.start()
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= 2, what="two resyncs", within_seconds=20)
    assert cluster.get()["metadata"]["resourceVersion"] == before
    assert operator.metric("simulation_operator_api_writes_total") == 0


def test_many_at_once_stay_below_the_limit_of_writes(cluster, make_operator, simulation_kind, migrated_url):
    operator = make_operator(migrated_url, SIMULATION_WRITES_PER_SECOND="10", SIMULATION_WRITE_BURST="5")
    operator.start()
    begun = time.monotonic()
    for number in range(30):
        cluster.create(name=f"many-{number}")
    for number in range(30):
        cluster.wait_for_phase("Queued", name=f"many-{number}", within_seconds=60)
        written = operator.metric("simulation_operator_api_writes_total")
        assert written <= 5 + 10 * (time.monotonic() - begun)
    assert "Traceback" not in operator.log
