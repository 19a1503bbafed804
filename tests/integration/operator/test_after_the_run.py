"""What a person asks for when a run is over: with kubectl alone, and seen in the status."""

from __future__ import annotations

from simulation_sandbox.waiting import wait_for


def all_failed(ledger, simulation):
    """As if the workers had delivered it and HubSpot had refused every record."""
    uid = simulation["metadata"]["uid"]
    ledger(
        "UPDATE batches SET state = 2, attempt = 1, outcomes = array_fill(2::smallint, ARRAY[cardinality(record_offsets)])"
        " WHERE simulation_id::text = %s",
        uid,
    )
    ledger(
        "UPDATE simulations SET status = 'FAILED', reason = 'FailurePolicyExceeded', records_failed = total_records,"
        " started_at = statement_timestamp(), finished_at = statement_timestamp() WHERE id::text = %s",
        uid,
    )


def test_what_failed_is_tried_again_once_a_token(cluster, operator, ledger):
    created = cluster.create(startTime=cluster.rfc3339(-60))
    cluster.wait_for_phase("Queued")
    all_failed(ledger, created)
    cluster.wait_for_phase("Failed")
    cluster.annotate(retry_failed="one")
    found = cluster.wait_for_phase("Running")
    assert (found["status"]["recordsFailed"], found["status"]["handledRetryToken"]) == (0, "one")
    assert [cluster.condition(found, type_)["status"] for type_ in ("Complete", "Failed", "Finished")] == ["False"] * 3
    all_failed(ledger, created)
    cluster.wait_for_phase("Failed")
    cluster.annotate(retry_failed="two")
    assert cluster.wait_for_phase("Running")["status"]["handledRetryToken"] == "two"


def verified(ledger, simulation, result):
    """As a worker would write it."""
    ledger(
        "UPDATE errands SET state = 2, result = %s::jsonb, done_at = statement_timestamp() WHERE simulation_id::text = %s",
        result,
        simulation["metadata"]["uid"],
    )


def test_a_verification_waits_for_the_end_and_shows_what_it_found(cluster, operator, ledger):
    created = cluster.create(startTime=cluster.rfc3339(-60))
    cluster.annotate(verify="one")
    cluster.wait_for_reason("NotFinished", type_="Verified")
    all_failed(ledger, created)
    found = cluster.wait_for_reason("Verifying", type_="Verified")
    assert found["status"]["handledVerifyToken"] == "one"
    counts = '{"expected": 2, "found": 1, "missing": 1, "surplus": 0}'
    verified(ledger, created, f'{{"companies": {counts}, "missingKeys": ["a-key"], "surplusKeys": [], "settled": true}}')
    status = cluster.wait_for_reason("DifferencesFound", type_="Verified")["status"]
    assert status["verification"]["companies"] == {"expected": 2, "found": 1, "missing": 1, "surplus": 0}
    assert status["verification"]["missingKeys"] == ["a-key"]
    wait_for(lambda: "DifferencesFound" in [event.reason for event in cluster.events()], what="the Event", within_seconds=10)
