"""What a person asks for when a run is over: with kubectl alone, and seen in the status."""

from __future__ import annotations


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
