"""What a user asks for when a run is over: try again, compare, archive, let go, forget. With kubectl alone; the CRM is the witness.

Archiving looks once more after 80 seconds: the first test deletes a run, and the last one sees that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from simulation_sandbox.waiting import wait_for

RECORDS = 4
WITHIN_SECONDS = 60.0
LOOKED_AGAIN_WITHIN_SECONDS = 180.0
SMALL = {"totalRecords": RECORDS, "durationSeconds": 2}
EACH = {"companies": RECORDS, "contacts": RECORDS}
NONE = {"companies": 0, "contacts": 0}


@pytest.fixture(scope="module")
def ended(shared_runs: Any, simulation: Any) -> dict[str, str]:
    """The uids by name: two runs that are archived when they are deleted, and one that may not last long after its end."""
    company = {**SMALL, "scenario": "B2B", "deletionPolicy": "Archive"}
    shared_runs.apply(simulation("archived", **company))
    shared_runs.apply(simulation("kept", **company))
    shared_runs.apply(simulation("short-lived", **SMALL, ttlSecondsAfterFinished=1))
    uids = {name: shared_runs.get(name)["metadata"]["uid"] for name in ("archived", "kept", "short-lived")}
    for name in ("archived", "kept"):
        shared_runs.until_phase(name, "Completed", within_seconds=90)
    return uids


def in_crm(cluster: Any, uid: str, *, archived: bool = False) -> dict[str, int]:
    more = "&archived=true" if archived else ""
    return {kind: cluster.hubspot("GET", f"objects/{kind}?simulation_id={uid}{more}")["total"] for kind in EACH}


def annotate(runs: Any, name: str, **tokens: str) -> None:
    wishes = [f"simulation-operator.dev/{wish.replace('_', '-')}={token}" for wish, token in tokens.items()]
    runs.kubectl("annotate", "simulation", name, "--overwrite", *wishes)


def delete(runs: Any, name: str) -> None:
    runs.kubectl("delete", "simulation", name, "--wait=false")


def is_gone(runs: Any, name: str) -> bool:
    return not runs.kubectl("get", "simulation", name, "--ignore-not-found", "-o", "name")


@contextmanager
def refused(cluster: Any, path: str) -> Iterator[None]:
    """The CRM refuses every call to it, of whatever run."""
    cluster.hubspot("POST", "faults", match=path, kind="status", status=400, times=None)
    try:
        yield
    finally:
        cluster.hubspot("DELETE", "faults")


def test_deleting_a_run_archives_what_it_created_and_nothing_of_another(
    cluster: Any, shared_runs: Any, ended: dict[str, str], condition_of: Any
) -> None:
    assert in_crm(cluster, ended["archived"]) == EACH
    delete(shared_runs, "archived")
    status = shared_runs.until(
        "archived", "all archived", lambda now: now.get("archived") == {"done": 8, "total": 8}, within_seconds=WITHIN_SECONDS
    )["status"]
    assert in_crm(cluster, ended["archived"]) == NONE
    assert in_crm(cluster, ended["archived"], archived=True) == EACH
    assert in_crm(cluster, ended["kept"]) == EACH
    assert condition_of(status, "Archived")["reason"] == "Archiving"
    assert '{"spec":{"deletionPolicy":"Retain"}}' in condition_of(status, "Archived")["message"]


def verified(runs: Any, name: str, token: str, condition_of: Any) -> Any:
    """The status once that wish is carried out."""
    annotate(runs, name, verify=token)
    return runs.until(
        name,
        "compared",
        lambda now: now.get("handledVerifyToken") == token and condition_of(now, "Verified")["reason"] != "Verifying",
        within_seconds=WITHIN_SECONDS,
    )["status"]


def test_verifying_finds_what_was_delivered_and_names_what_was_deleted_since(
    cluster: Any, shared_runs: Any, ended: dict[str, str], condition_of: Any
) -> None:
    as_delivered = verified(shared_runs, "kept", "first", condition_of)
    assert condition_of(as_delivered, "Verified")["status"] == "True"
    counts = {"expected": RECORDS, "found": RECORDS, "missing": 0, "surplus": 0}
    assert [as_delivered["verification"][kind] for kind in EACH] == [counts, counts]
    lost = cluster.hubspot("GET", f"objects/contacts?simulation_id={ended['kept']}")["results"][0]
    contact, authorization = f"/crm/v3/objects/contacts/{lost['id']}", {"Authorization": f"Bearer {cluster.token}"}
    httpx.delete(cluster.layout.hubspot_url + contact, headers=authorization, trust_env=False).raise_for_status()
    status = verified(shared_runs, "kept", "second", condition_of)
    shown = condition_of(status, "Verified")
    assert (shown["status"], shown["reason"]) == ("False", "DifferencesFound")
    assert status["verification"]["contacts"] == {"expected": RECORDS, "found": RECORDS - 1, "missing": 1, "surplus": 0}
    assert status["verification"]["companies"] == counts
    assert status["verification"]["missingKeys"] == [lost["properties"]["simulation_key"]]
    assert "surplusKeys" not in status["verification"]


def test_what_failed_is_tried_again_and_appears_once(cluster: Any, examples: Any, runs: Any, simulation: Any, condition_of: Any) -> None:
    """Each record's contact is taken and its deal refused: of such records a retry finds the one half and adds the other."""
    examples.until_phase("sales-pipeline", "Completed", within_seconds=150)  # has deals as well, and shall not meet the fault
    with refused(cluster, "deals/batch/upsert"):
        runs.apply(simulation(**SMALL, records={"deals": {"percent": 100}}))
        found = runs.until_phase("run", "Failed", within_seconds=WITHIN_SECONDS)
    status, uid = found["status"], found["metadata"]["uid"]
    assert (status["recordsProcessed"], status["recordsFailed"]) == (0, RECORDS)
    assert condition_of(status, "Failed")["status"] == "True"
    assert in_crm(cluster, uid)["contacts"] == RECORDS
    assert {(failure["record"], failure["reason"]) for failure in status["failures"]} == {(n, "RecordRejected") for n in range(RECORDS)}
    assert "records have failed so far; the last one: " in runs.until_told("run", "RecordsFailed")  # aggregated: maybe not all yet
    annotate(runs, "run", retry_failed="once-more")
    status = runs.until_phase("run", "Completed", within_seconds=WITHIN_SECONDS)["status"]
    assert (status["handledRetryToken"], status["retriedRecords"]) == ("once-more", RECORDS)
    assert (status["recordsProcessed"], status["recordsFailed"], status["progress"]) == (RECORDS, 0, "100%")
    assert {type_: condition_of(status, type_)["status"] for type_ in ("Complete", "Failed")} == {"Complete": "True", "Failed": "False"}
    assert cluster.hubspot("GET", f"objects/deals?simulation_id={uid}")["total"] == RECORDS
    assert runs.until_told("run", "RetryingFailed") == f"{RECORDS} failed records are tried again"
    assert runs.proof("run").faults == []


def test_a_run_whose_portal_refuses_to_archive_says_so_and_goes_when_it_is_let_go(
    cluster: Any, shared_runs: Any, ended: dict[str, str], condition_of: Any
) -> None:
    before = in_crm(cluster, ended["kept"])
    with refused(cluster, "contacts/batch/archive"):
        delete(shared_runs, "kept")
        status = shared_runs.until(
            "kept",
            "what it waits for",
            lambda now: condition_of(now, "Archived").get("reason") == "PortalUnavailable",
            within_seconds=WITHIN_SECONDS,
        )["status"]
        assert "contacts/batch/archive" in condition_of(status, "Archived")["message"]
        assert condition_of(status, "Archived")["message"] in status["message"]
        shared_runs.set("kept", deletionPolicy="Retain")
        wait_for(lambda: is_gone(shared_runs, "kept"), what="it to be gone", within_seconds=WITHIN_SECONDS)
    assert in_crm(cluster, ended["kept"]) == before


def test_a_run_deletes_itself_when_its_time_after_the_end_is_over(cluster: Any, shared_runs: Any, ended: dict[str, str]) -> None:
    wait_for(lambda: is_gone(shared_runs, "short-lived"), what="it to be gone", within_seconds=WITHIN_SECONDS)
    uid = ended["short-lived"]
    assert cluster.query("SELECT status, records_processed FROM simulations WHERE id = %s", uid) == [("COMPLETED", RECORDS)]
    assert in_crm(cluster, uid)["contacts"] == RECORDS
    assert "spec.ttlSecondsAfterFinished is 1" in shared_runs.until_told("short-lived", "Expired")


def test_the_archived_run_is_gone_once_nothing_of_it_can_come_any_more(cluster: Any, shared_runs: Any, ended: dict[str, str]) -> None:
    wait_for(lambda: is_gone(shared_runs, "archived"), what="it to be gone", within_seconds=LOOKED_AGAIN_WITHIN_SECONDS)
    assert in_crm(cluster, ended["archived"]) == NONE
    assert in_crm(cluster, ended["archived"], archived=True) == EACH
