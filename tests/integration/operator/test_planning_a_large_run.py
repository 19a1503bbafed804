"""A plan of a million records holds up nobody, and one that was cut short goes on where it was."""

from __future__ import annotations

import uuid

from simulation_sandbox.waiting import wait_for

ALONE = {"toleranceMilliseconds": 0}  # a row for each record, which takes the longest to store


def test_a_million_records_hold_up_neither_the_probes_nor_another_simulation(cluster, operator, ledger):
    large = cluster.create(name="large", totalRecords=1_000_000, durationSeconds=36_000, **ALONE)
    wait_for(lambda: ledger.status(large) == "PLANNING", what="the plan to be begun", within_seconds=20)
    cluster.create(name="small")
    cluster.wait_for_phase("Queued", name="small")
    assert operator.answer("/healthz")[0] == 200
    assert operator.answer("/readyz")[0] == 200
    assert ledger.status(large) == "PLANNING"  # else this would show nothing
    cluster.delete(name="large")


def test_a_plan_of_a_million_batches_is_stored_in_a_partition_of_its_own(cluster, operator, ledger):
    created = cluster.create(totalRecords=1_000_000, durationSeconds=36_000, **ALONE)
    cluster.wait_for_phase("Queued", within_seconds=120)
    identity = uuid.UUID(created["metadata"]["uid"])
    tables = ledger("SELECT tableoid::regclass::text, count(*) FROM batches WHERE simulation_id = %s GROUP BY 1", identity)
    assert tables == [(f"batches_{identity.hex}", 1_000_000)]


def test_an_operator_killed_in_the_middle_of_a_plan_goes_on_from_the_watermark(cluster, operator, ledger):
    records = 400_000
    created = cluster.create(totalRecords=records, durationSeconds=36_000, **ALONE)
    identity = uuid.UUID(created["metadata"]["uid"])

    def stored() -> int:
        rows = ledger("SELECT batches_stored FROM simulations WHERE id = %s", identity)
        return rows[0][0] if rows else 0

    def writers() -> dict[int, str]:
        """Which transaction wrote the first batch of each hundred thousand."""
        rows = ledger("SELECT number, xmin::text FROM batches WHERE simulation_id = %s AND number %% 100000 = 0", identity)
        return dict(rows)

    wait_for(lambda: stored() > 0, what="the first stretch to be stored", within_seconds=60)
    operator.child.kill()
    watermark, before = stored(), writers()
    assert 0 < watermark < records
    operator.start()
    cluster.wait_for_phase("Queued", within_seconds=90)
    assert ledger.batches(created) == records
    assert before.items() <= writers().items()  # what was stored was left as it was
