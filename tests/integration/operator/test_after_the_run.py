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


def test_what_was_counted_after_the_end_while_no_operator_was_there_is_shown(cluster, operator, ledger):
    created = cluster.create(startTime=cluster.rfc3339(-60))
    cluster.wait_for_phase("Queued")
    all_failed(ledger, created)
    ledger("UPDATE simulations SET records_failed = 150 WHERE id::text = %s", created["metadata"]["uid"])
    cluster.wait(lambda found: found.get("status", {}).get("recordsFailed") == 150, "the end, with what was counted by then")
    operator.stop()
    ledger(
        "UPDATE simulations SET records_failed = 200, updated_at = statement_timestamp() - interval '1 hour' WHERE id::text = %s",
        created["metadata"]["uid"],
    )
    operator.start()
    cluster.wait(lambda found: found["status"]["recordsFailed"] == 200, "what was counted meanwhile")


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


FINALIZER = "simulation-operator.dev/archive"


def archived(ledger, simulation, done):
    """As a worker would write it."""
    ledger(
        "UPDATE errands SET state = 2, result = %s::jsonb, done_at = statement_timestamp() WHERE simulation_id::text = %s",
        f'{{"done": {done}, "total": {done}}}',
        simulation["metadata"]["uid"],
    )


def test_what_is_to_be_archived_is_ended_and_stays_until_it_is_archived(cluster, operator, ledger):
    created = cluster.create(deletionPolicy="Archive", startTime=cluster.rfc3339(-60))
    assert cluster.wait_for_phase("Queued")["metadata"]["finalizers"] == [FINALIZER]
    cluster.delete()
    found = cluster.wait_for_reason("Archiving", type_="Archived")
    assert "kubectl patch simulation launch" in cluster.condition(found, "Archived")["message"]
    cluster.wait_for_phase("Cancelled")
    ledger('UPDATE errands SET progress = \'{"done": 3, "total": 9}\'')
    cluster.wait(lambda found: found["status"].get("archived") == {"done": 3, "total": 9}, "progress")
    archived(ledger, created, 9)
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)


def test_retain_lets_it_go_and_nothing_more_is_archived(cluster, operator, ledger):
    cluster.create(deletionPolicy="Archive")
    cluster.wait_for_phase("Queued")
    cluster.delete()
    cluster.wait_for_reason("Archiving", type_="Archived")
    cluster.patch(deletionPolicy="Retain")
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)
    assert ledger("SELECT count(*) FROM errands") == [(0,)]


def test_a_changed_mind_before_the_deletion_takes_the_finalizer_off(cluster, operator, ledger):
    cluster.create()
    cluster.wait_for_phase("Queued")
    cluster.patch(deletionPolicy="Archive")
    cluster.wait(lambda found: found["metadata"].get("finalizers") == [FINALIZER], "the finalizer")
    cluster.patch(deletionPolicy="Retain")
    cluster.wait(lambda found: "finalizers" not in found["metadata"], "it to be taken off")


def test_a_portal_that_is_gone_is_said_and_holds_up_nobody_who_gives_up(cluster, operator, ledger):
    cluster.create(deletionPolicy="Archive")
    cluster.wait_for_phase("Queued")
    operator.write_portals([{"name": "another", "allowedNamespaces": ["*"]}])
    cluster.delete()
    cluster.wait_for_reason("PortalUnknown", type_="Archived")
    cluster.patch(deletionPolicy="Retain")
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)


def test_what_was_never_accepted_is_gone_at_once(cluster, operator, ledger):
    cluster.create(deletionPolicy="Archive", portal="unknown")
    cluster.wait(lambda found: found["metadata"].get("finalizers") == [FINALIZER], "the finalizer")
    cluster.delete()
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)


def test_a_finalizer_removed_by_hand_ends_the_archiving(cluster, operator, ledger):
    cluster.create(deletionPolicy="Archive")
    cluster.wait_for_phase("Queued")
    cluster.delete()
    cluster.wait_for_reason("Archiving", type_="Archived")
    cluster.patch_metadata(finalizers=None)
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)
    wait_for(lambda: ledger("SELECT count(*) FROM errands") == [(0,)], what="nobody to archive", within_seconds=20)


def test_its_time_after_the_end_deletes_it_and_archives_first(cluster, operator, ledger):
    created = cluster.create(ttlSecondsAfterFinished=3600, deletionPolicy="Archive", startTime=cluster.rfc3339(-60))
    cluster.wait_for_phase("Queued")
    all_failed(ledger, created)
    cluster.wait_for_phase("Failed")
    cluster.patch(ttlSecondsAfterFinished=0)
    cluster.wait_for_reason("Archiving", type_="Archived")
    archived(ledger, created, 0)
    wait_for(lambda: not cluster.exists(), what="it to be gone", within_seconds=20)


def test_before_the_chart_goes_all_are_let_go_and_the_operator_ends_first(cluster, operator, ledger):
    cluster.deploy("operator", replicas=1)
    for name in ("one", "two"):
        cluster.create(name, deletionPolicy="Archive")
        cluster.wait_for_phase("Queued", name=name)
    cluster.create("three")
    cluster.delete("one")
    cluster.wait_for_reason("Archiving", type_="Archived", name="one")
    operator.stop()  # as the node does, once it is scaled to nothing
    done = operator.run("release", SIMULATION_OPERATOR_DEPLOYMENT="operator")
    assert done.returncode == 0, done.stderr
    assert "2 Simulations were let go" in done.stdout + done.stderr
    assert cluster.apps.read_namespaced_deployment_scale("operator", cluster.namespace).spec.replicas in {0, None}
    assert not cluster.exists("one")
    assert "finalizers" not in cluster.get("two")["metadata"]
