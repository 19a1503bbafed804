"""The worker Deployment on a real API server: up before the first record is due, down when nothing is left."""

from __future__ import annotations

import pytest

from simulation_sandbox.waiting import wait_for


@pytest.fixture
def scaling_operator(cluster, make_operator, simulation_kind, migrated_url):
    """Running, with a worker Deployment without replicas."""
    cluster.deploy("simulation-worker", replicas=0)
    operator = make_operator(migrated_url, SIMULATION_WORKER_DEPLOYMENT="simulation-worker", SIMULATION_QUIET_SECONDS="1")
    operator.start()
    return operator


def test_workers_come_before_the_first_record_and_leave_when_nothing_is_due(cluster, scaling_operator):
    cluster.create(name="later")
    cluster.wait_for_phase("Queued", name="later")
    assert cluster.replicas() == 0
    cluster.create(name="soon", startTime=None, durationSeconds=3600)
    wait_for(lambda: cluster.replicas() == 1, what="a worker", within_seconds=20)
    cluster.patch(name="soon", cancel=True)
    wait_for(lambda: cluster.replicas() == 0, what="the worker to leave", within_seconds=20)
    assert "DueSoon" in scaling_operator.log or "Backlog" in scaling_operator.log


def test_a_run_whose_portal_was_removed_says_so_and_needs_no_workers(cluster, scaling_operator):
    portals = [{"name": name, "allowedNamespaces": ["*"]} for name in ("default", "other")]
    scaling_operator.write_portals(portals)
    cluster.create(portal="other", startTime=None)
    wait_for(lambda: cluster.replicas() == 1, what="a worker", within_seconds=20)
    scaling_operator.write_portals(portals[:1])
    removed = cluster.wait_for_reason("PortalUnknown")
    assert cluster.condition(removed, "Progressing")["status"] == "False"
    assert removed["status"]["phase"] == "Queued"
    wait_for(lambda: cluster.replicas() == 0, what="the worker to leave", within_seconds=20)
    scaling_operator.write_portals(portals)
    cluster.wait_for_reason("Queued")
    wait_for(lambda: cluster.replicas() == 1, what="the worker to come back", within_seconds=20)
