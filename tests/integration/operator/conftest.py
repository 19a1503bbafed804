"""The operator as a process of its own, with the rights the chart gives it, on a real API server, Postgres and Valkey."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes
import psycopg
import pytest
import yaml
from kubernetes.client import ApiClient

from simulation_sandbox.kubeconfig import write_kubeconfig
from simulation_sandbox.ports import free_port
from simulation_sandbox.processes import Child
from simulation_sandbox.waiting import wait_for

WORKERS = "simulation-worker"
RULES = [
    {"apiGroups": ["simulation-operator.dev"], "resources": ["simulations"], "verbs": ["get", "list", "watch", "patch", "delete"]},
    {"apiGroups": ["simulation-operator.dev"], "resources": ["simulations/status"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": [WORKERS, "operator"], "verbs": ["get", "patch"]},
]


def rfc3339(offset_seconds: float) -> str:
    """A moment from now, as a manifest gives it."""
    return (datetime.now(UTC) + timedelta(seconds=offset_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(simulation: dict[str, Any], type_: str) -> dict[str, Any]:
    conditions = simulation.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == type_), {})


class Cluster:
    """What a user does with kubectl, in one namespace."""

    def __init__(self, kube: ApiClient, namespace: str) -> None:
        self.namespace = namespace
        self.core = kubernetes.client.CoreV1Api(kube)
        self.apps = kubernetes.client.AppsV1Api(kube)
        self._custom = kubernetes.client.CustomObjectsApi(kube)
        self._where = {"group": "simulation-operator.dev", "version": "v1alpha1", "namespace": namespace, "plural": "simulations"}

    rfc3339 = staticmethod(rfc3339)
    condition = staticmethod(condition)

    def create(self, name: str = "launch", **spec: Any) -> dict[str, Any]:
        """Two hundred records within an hour, from an hour on, unless told otherwise."""
        body = {
            "apiVersion": "simulation-operator.dev/v1alpha1",
            "kind": "Simulation",
            "metadata": {"name": name},
            "spec": {"scenario": "B2B", "totalRecords": 200, "startTime": rfc3339(3600), "durationSeconds": 3600, **spec},
        }
        body["spec"] = {field: value for field, value in body["spec"].items() if value is not None}
        return self._custom.create_namespaced_custom_object(**self._where, body=body)

    def apply(self, manifest: dict[str, Any]) -> dict[str, Any]:
        return self._custom.create_namespaced_custom_object(**self._where, body=manifest)

    def exists(self, name: str = "launch") -> bool:
        items = self._custom.list_namespaced_custom_object(**self._where, field_selector=f"metadata.name={name}")["items"]
        return bool(items)

    def get(self, name: str = "launch") -> dict[str, Any]:
        return self._custom.get_namespaced_custom_object(**self._where, name=name)

    def patch(self, name: str = "launch", **spec: Any) -> None:
        self._custom.patch_namespaced_custom_object(
            **self._where, name=name, body={"spec": spec}, _content_type="application/merge-patch+json"
        )

    def annotate(self, name: str = "launch", **annotations: str) -> None:
        """By names without our prefix, hyphens written as underscores."""
        given = {f"simulation-operator.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self._custom.patch_namespaced_custom_object(
            **self._where, name=name, body={"metadata": {"annotations": given}}, _content_type="application/merge-patch+json"
        )

    def patch_metadata(self, name: str = "launch", **metadata: Any) -> None:
        self._custom.patch_namespaced_custom_object(
            **self._where, name=name, body={"metadata": metadata}, _content_type="application/merge-patch+json"
        )

    def delete(self, name: str = "launch") -> None:
        self._custom.delete_namespaced_custom_object(**self._where, name=name)

    def wait(
        self, holds: Callable[[dict[str, Any]], bool], what: str, *, name: str = "launch", within_seconds: float = 30
    ) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            simulation = self.get(name)
            return simulation if holds(simulation) else None

        return wait_for(look, what=what, within_seconds=within_seconds, every_seconds=0.1)

    def wait_for_phase(self, phase: str, *, name: str = "launch", within_seconds: float = 30) -> dict[str, Any]:
        return self.wait(
            lambda found: found.get("status", {}).get("phase") == phase, f"phase {phase}", name=name, within_seconds=within_seconds
        )

    def wait_for_reason(
        self, reason: str, *, name: str = "launch", type_: str = "Progressing", within_seconds: float = 30
    ) -> dict[str, Any]:
        return self.wait(
            lambda found: condition(found, type_).get("reason") == reason, f"reason {reason}", name=name, within_seconds=within_seconds
        )

    def events(self, name: str = "launch") -> list[Any]:
        found = self.core.list_namespaced_event(self.namespace, field_selector=f"involvedObject.name={name}").items
        return sorted(found, key=lambda event: event.first_timestamp)

    def deploy(self, name: str, *, replicas: int) -> None:
        """A Deployment whose pods never start."""
        labels = {"app": name}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "none"}]}}
        body = {"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}}
        self.apps.create_namespaced_deployment(self.namespace, body)

    def replicas(self) -> int:
        return self.apps.read_namespaced_deployment_scale(WORKERS, self.namespace).spec.replicas or 0


@pytest.fixture
def cluster(simulation_kind: None, kube: ApiClient, namespace: str) -> Cluster:
    return Cluster(kube, namespace)


class Operator:
    """Starts and stops the process; what it read at its start may be changed in between."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.env = env
        self.portals = folder / "portals.yaml"
        self.write_portals([{"name": "default", "allowedNamespaces": ["*"]}])
        self.env["SIMULATION_PORTALS_FILE"] = str(self.portals)
        self._folder = folder
        self.child: Child | None = None

    def write_portals(self, portals: list[dict[str, Any]]) -> None:
        replacement = self.portals.with_suffix(".new")
        replacement.write_text(yaml.safe_dump(portals))
        replacement.rename(self.portals)

    def launch(self) -> Child:
        self.env["SIMULATION_BIND_ADDRESS"] = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "simulation_operator.main"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATION_")}
        self.child = Child.spawn(command, log=self._folder / "operator.log", env=inherited | self.env)
        return self.child

    def start(self) -> None:
        child = self.launch()

        def ready() -> bool:
            assert child.alive, self.log
            return self.answer("/readyz")[0] == 200

        wait_for(ready, what="the operator to be ready", within_seconds=30)

    def run(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same program, under the same identity."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATION_")}
        arguments = [sys.executable, "-m", "simulation_operator.main", command]
        return subprocess.run(arguments, env=inherited | self.env | env, capture_output=True, text=True, timeout=120, check=False)

    def stop(self) -> int | None:
        if self.child is None:
            return None
        child, self.child = self.child, None
        return child.stop(grace_seconds=20)

    def answer(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.env['SIMULATION_BIND_ADDRESS']}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [line for line in self.answer("/metrics")[1].splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    @property
    def log(self) -> str:
        return (self._folder / "operator.log").read_text()


def identity(kube: ApiClient, namespace: str, kubeconfig: Path, administrator: Path) -> None:
    """A service account with the chart's rights in this namespace, and a kubeconfig with its token."""
    core, rbac = kubernetes.client.CoreV1Api(kube), kubernetes.client.RbacAuthorizationV1Api(kube)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "operator"}})
    rbac.create_namespaced_role(namespace, {"metadata": {"name": "operator"}, "rules": RULES})
    rbac.create_namespaced_role_binding(
        namespace,
        {
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
        },
    )
    token = core.create_namespaced_service_account_token("operator", namespace, {"spec": {"expirationSeconds": 3600}}).status.token
    authority = kubeconfig.with_suffix(".crt")
    authority.write_bytes(Path(kube.configuration.ssl_ca_cert).read_bytes())
    write_kubeconfig(kubeconfig, server=kube.configuration.host, authority=authority, user="operator", token=token)


@pytest.fixture
def make_operator(
    kube: ApiClient, namespace: str, tmp_path: Path, control_plane: Path, redis_url: str
) -> Iterator[Callable[..., Operator]]:
    """An operator for a database, not started yet."""
    made: list[Operator] = []

    def make(database_url: str, **env: str) -> Operator:
        identity(kube, namespace, tmp_path / "kubeconfig", control_plane)
        operator = Operator(
            tmp_path,
            {
                "KUBECONFIG": str(tmp_path / "kubeconfig"),
                "SIMULATION_DATABASE_URL": database_url,
                "SIMULATION_REDIS_URL": redis_url,
                "SIMULATION_NAMESPACE": namespace,
                "SIMULATION_WATCH_NAMESPACES": namespace,
                "SIMULATION_PROGRESS_SECONDS": "0.5",
                "SIMULATION_RESYNC_SECONDS": "2",
                **env,
            },
        )
        made.append(operator)
        return operator

    yield make
    for operator in made:
        operator.stop()


@pytest.fixture
def operator(make_operator: Callable[..., Operator], simulation_kind: None, migrated_url: str) -> Operator:
    """Running."""
    started = make_operator(migrated_url)
    started.start()
    return started


class Ledger:
    """Rows as they stand."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def status(self, simulation: dict[str, Any]) -> str | None:
        rows = self("SELECT status FROM simulations WHERE id = %s", uuid.UUID(simulation["metadata"]["uid"]))
        return rows[0][0] if rows else None

    def batches(self, simulation: dict[str, Any]) -> int:
        return self("SELECT count(*) FROM batches WHERE simulation_id = %s", uuid.UUID(simulation["metadata"]["uid"]))[0][0]


@pytest.fixture
def ledger(migrated_url: str) -> Ledger:
    return Ledger(migrated_url)
