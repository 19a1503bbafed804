"""What can't go on says why in the Simulation itself, and goes on by itself when it can. Never a crash, never silence."""

from __future__ import annotations

import uuid
from pathlib import Path

import kubernetes
import psycopg
import pytest
import yaml

from simulation_core.ledger import migrate
from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.postgres import Postgres, Tuning
from simulation_sandbox.waiting import wait_for

ROOT = Path(__file__).parents[3]
CRD_NAME = "simulations.simulation-operator.dev"


def test_an_unknown_portal_waits_and_goes_on_when_it_is_configured(cluster, operator, ledger):
    created = cluster.create(portal="other")
    waiting = cluster.wait_for_reason("PortalUnknown")
    assert cluster.condition(waiting, "Accepted")["status"] == "False"
    assert "spec.portal" in waiting["status"]["message"]
    assert ledger.status(created) is None
    operator.write_portals([{"name": name, "allowedNamespaces": ["*"]} for name in ("default", "other")])
    cluster.wait_for_phase("Queued")
    assert [event.reason for event in cluster.events() if event.type == "Warning"] == ["PortalUnknown"]


def test_a_window_that_ends_while_the_portal_is_missing_fails(cluster, operator, ledger):
    created = cluster.create(portal="other", startTime=None, durationSeconds=None, endTime=cluster.rfc3339(4))
    cluster.wait_for_reason("PortalUnknown")
    failed = cluster.wait_for_phase("Failed")
    assert cluster.condition(failed, "Failed")["reason"] == "WindowPassed"
    assert ledger.status(created) is None
    operator.write_portals([{"name": name, "allowedNamespaces": ["*"]} for name in ("default", "other")])
    cluster.create(name="next", portal="other")
    cluster.wait_for_phase("Queued", name="next")
    assert cluster.get()["status"] == failed["status"]


def test_a_namespace_that_is_not_allowed_and_a_limit_wait_too(cluster, operator):
    operator.write_portals(
        [
            {"name": "closed", "allowedNamespaces": ["elsewhere"]},
            {"name": "small", "allowedNamespaces": ["*"], "maxRecordsPerSimulation": 100},
        ]
    )
    cluster.create(name="closed", portal="closed")
    cluster.create(name="small", portal="small")
    assert "allowedNamespaces" in cluster.wait_for_reason("NamespaceNotAllowed", name="closed")["status"]["message"]
    assert "spec.totalRecords" in cluster.wait_for_reason("TooManyRecords", name="small")["status"]["message"]


def test_a_broken_portals_file_keeps_the_old_one(cluster, operator):
    operator.portals.write_text("portals: [")
    cluster.create()
    cluster.wait_for_phase("Queued")
    assert "keeping the old portals" in operator.log


def test_a_window_that_has_passed_is_never_caught_up(cluster, operator, ledger):
    created = cluster.create(startTime=cluster.rfc3339(-7200), durationSeconds=3600)
    failed = cluster.wait_for_phase("Failed")
    assert cluster.condition(failed, "Failed")["reason"] == "WindowPassed"
    assert cluster.condition(failed, "Finished")["status"] == "True"
    assert ledger.status(created) == "FAILED"
    assert ledger.batches(created) == 0


def test_a_text_that_postgres_cannot_store_is_refused_not_retried(cluster, operator):
    cluster.create(content={"theme": "wind\x00energy"})
    refused = cluster.wait_for_reason("SpecInvalid", type_="Failed")
    assert refused["status"]["phase"] == "Failed"
    assert refused["status"]["message"].startswith("spec.content.theme: holds a NUL character: remove it")
    assert "Traceback" not in operator.log


def test_a_user_unknown_to_the_installation_is_refused(cluster, make_operator, simulation_kind, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id uuid PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), mail text)")
    migrate.upgrade(database_url)
    operator = make_operator(database_url)
    operator.start()
    cluster.create(userId=str(uuid.uuid4()))
    failed = cluster.wait_for_phase("Failed")
    assert cluster.condition(failed, "Failed")["reason"] == "UserUnknown"
    assert "spec.userId" in failed["status"]["message"]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM simulations").fetchone() == (0,)


@pytest.fixture
def own_postgres(session_folder):
    """A Postgres that a test may stop."""
    server = Postgres(session_folder / f"postgres-{uuid.uuid4().hex[:8]}", tuning=Tuning(durable=False))
    server.start()
    yield server
    server.remove()


def test_postgres_stopped_and_started_again(cluster, make_operator, simulation_kind, own_postgres):
    migrate.upgrade(own_postgres.url)
    operator = make_operator(own_postgres.url)
    operator.start()
    cluster.create()
    cluster.wait_for_phase("Queued")
    own_postgres.stop()
    away = cluster.wait_for_reason("DatabaseUnavailable")
    assert away["status"]["phase"] == "Queued"
    cluster.create(name="newcomer")
    cluster.wait_for_reason("DatabaseUnavailable", name="newcomer")
    wait_for(lambda: operator.answer("/readyz")[0] == 503, what="unreadiness", within_seconds=20)
    assert operator.answer("/healthz")[0] == 200
    own_postgres.start()
    cluster.wait_for_reason("Queued")
    cluster.wait_for_phase("Queued", name="newcomer")
    wait_for(lambda: operator.answer("/readyz")[0] == 200, what="readiness", within_seconds=10)
    assert "Traceback" not in operator.log


def test_redis_away_is_said_and_planning_goes_on(cluster, make_operator, simulation_kind, migrated_url, ledger):
    operator = make_operator(migrated_url, SIMULATION_REDIS_URL="redis://127.0.0.1:1")
    operator.start()
    created = cluster.create()
    cluster.wait_for_reason("QueueUnavailable")
    wait_for(lambda: ledger.status(created) == "QUEUED", what="the plan", within_seconds=20)
    assert "Traceback" not in operator.log


def test_an_older_schema_is_not_ready(make_operator, simulation_kind, database_url):
    operator = make_operator(database_url)
    operator.launch()
    wait_for(lambda: "simulation-migrate" in operator.answer("/readyz")[1], what="the reason", within_seconds=20)
    migrate.upgrade(database_url)
    wait_for(lambda: operator.answer("/readyz")[0] == 200, what="readiness", within_seconds=20)


def test_a_second_operator_stands_by_and_takes_over(cluster, make_operator, operator, migrated_url, tmp_path):
    folder = tmp_path / "second"
    folder.mkdir()
    second = type(operator)(folder, dict(operator.env))
    try:
        second.launch()
        wait_for(lambda: "standby" in second.answer("/readyz")[1], what="the standby", within_seconds=20)
        operator.stop()
        wait_for(lambda: second.answer("/readyz")[0] == 200, what="the second to lead", within_seconds=20)
        cluster.create()
        cluster.wait_for_phase("Queued")
    finally:
        second.stop()


def test_a_standby_knows_what_the_leader_wrote(cluster, make_operator, operator, tmp_path):
    cluster.create()
    cluster.wait_for_phase("Queued")
    folder = tmp_path / "second"
    folder.mkdir()
    second = type(operator)(folder, dict(operator.env))
    try:
        second.launch()
        wait_for(lambda: "standby" in second.answer("/readyz")[1], what="the standby", within_seconds=20)
        wait_for(lambda: second.metric("simulation_operator_resyncs_total") >= 1, what="its first list", within_seconds=20)
        cluster.patch(cancel=True)
        ended = cluster.wait_for_phase("Cancelled")
        wait_for(lambda: len(cluster.events()) == 3, what="the Events", within_seconds=10)
        operator.stop()
        wait_for(lambda: second.answer("/readyz")[0] == 200, what="the second to lead", within_seconds=20)
        lists = second.metric("simulation_operator_resyncs_total")
        wait_for(lambda: second.metric("simulation_operator_resyncs_total") >= lists + 2, what="two more lists", within_seconds=20)
        assert cluster.get()["status"] == ended["status"]
        assert second.metric("simulation_operator_api_writes_total") == 0
        assert len(cluster.events()) == 3
    finally:
        second.stop()


@pytest.fixture
def empty_control_plane(session_folder, assets):
    """An API server that has never heard of Simulations."""
    server = ControlPlane(session_folder / f"empty-{uuid.uuid4().hex[:8]}", assets, durable=False)
    server.start()
    yield server
    server.remove()


def test_without_the_definition_the_process_ends_with_one_line(make_operator, empty_control_plane, migrated_url):
    operator = make_operator(migrated_url)
    operator.env["KUBECONFIG"] = str(empty_control_plane.kubeconfig)
    assert operator.launch().wait(30) == 1
    assert operator.log.splitlines()[-1].startswith("simulation-operator: the CustomResourceDefinition simulations.simulation-operator.dev")
    assert "Traceback" not in operator.log


def test_a_definition_that_is_removed_ends_the_process_and_its_last_line_says_why(make_operator, empty_control_plane, migrated_url):
    """Whoever removed it removed every Simulation with it; a process that goes on would never see those of a new one."""
    with kubernetes.config.new_client_from_config(str(empty_control_plane.kubeconfig)) as client:
        api = kubernetes.client.ApiextensionsV1Api(client)
        api.create_custom_resource_definition(yaml.safe_load((ROOT / "crds/simulation.yaml").read_text()))
        operator = make_operator(migrated_url)
        operator.env["KUBECONFIG"] = str(empty_control_plane.kubeconfig)
        wait_for(lambda: "NotFound" not in str(established(api)), what="the definition", within_seconds=30)
        operator.start()
        api.delete_custom_resource_definition(CRD_NAME)
        assert operator.child.wait(60) == 1
    assert operator.log.splitlines()[-1].startswith("simulation-operator: the CustomResourceDefinition simulations.simulation-operator.dev")


def established(api) -> list[str]:
    found = api.read_custom_resource_definition(CRD_NAME)
    return [each.type for each in (found.status.conditions if found.status else None) or [] if each.status == "True"] or ["NotFound"]


def test_sigterm_while_waiting_for_the_api_server_ends_the_process(make_operator, migrated_url, tmp_path):
    operator = make_operator(migrated_url)
    kubeconfig = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    operator.launch()
    wait_for(lambda: "can't be reached" in operator.log, what="the operator to wait", within_seconds=20)
    assert operator.stop() == 0  # a handler's doing: without one it is -15, and nothing at all for a container's first process
    assert "Traceback" not in operator.log


@pytest.mark.parametrize("missing", ["SIMULATION_DATABASE_URL", "SIMULATION_NAMESPACE", "SIMULATION_PORTALS_FILE"])
def test_a_missing_setting_ends_the_process_with_one_line(make_operator, migrated_url, missing):
    operator = make_operator(migrated_url)
    del operator.env[missing]
    assert operator.launch().wait(30) == 2
    assert operator.log.splitlines() == [f"simulation-operator: {missing} is not set"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SIMULATION_DATABASE_URL", "nonsense"),
        ("SIMULATION_DATABASE_URL", "mysql://someone:s3cret@db/x"),
        ("SIMULATION_DATABASE_URL", "postgresql://someone:s3cret@db:port/x"),
        ("SIMULATION_REDIS_URL", "nonsense"),
        ("KUBECONFIG", "/nowhere"),
    ],
)
def test_a_malformed_setting_ends_the_process_with_one_line(make_operator, migrated_url, setting, value):
    operator = make_operator(migrated_url)
    operator.env[setting] = value
    assert operator.launch().wait(30) == 2
    assert "Traceback" not in operator.log
    assert operator.log.splitlines()[-1].startswith(f"simulation-operator: {setting} ")
    assert "s3cret" not in operator.log
