"""The worker Deployment on a real API server: up before the first record is due, down when nothing is left."""

from __future__ import annotations

from simulation_sandbox.waiting import wait_for


def test_workers_come_before_the_first_record_and_leave_when_nothing_is_due(cluster, make_operator, simulation_kind, migrated_url):
    labels = {"app": "worker"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "worker", "image": "none"}]}}
    cluster.apps.create_namespaced_deployment(
        cluster.namespace,
        {
            "metadata": {"name": "simulation-worker"},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
        },
    )
    operator = make_operator(migrated_url, SIMULATION_WORKER_DEPLOYMENT="simulation-worker", SIMULATION_QUIET_SECONDS="1")
    operator.start()
    cluster.create(name="later")
    cluster.wait_for_phase("Queued", name="later")
    assert cluster.replicas() == 0
    cluster.create(name="soon", startTime=None, durationSeconds=3600)
    wait_for(lambda: cluster.replicas() == 1, what="a worker", within_seconds=20)
    cluster.patch(name="soon", cancel=True)
    wait_for(lambda: cluster.replicas() == 0, what="the worker to leave", within_seconds=20)
    assert "DueSoon" in operator.log or "Backlog" in operator.log
