"""The console script against a real API server: Simulations with any status, and users with few rights."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient

from simulation_cli import main
from simulation_sandbox.kubeconfig import write_kubeconfig

KIND = {"apiVersion": "simulation-operator.dev/v1alpha1", "kind": "Simulation"}
SPEC = {"scenario": "B2B", "totalRecords": 400, "durationSeconds": 40}
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def cli(namespace: str, control_plane: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in the test's namespace, as the administrator or as whose kubeconfig is given."""

    def run(command: str, *arguments: str, kubeconfig: Path = control_plane) -> Ended:
        monkeypatch.setattr("sys.argv", ["kubectl-simulation", command, *arguments, "-n", namespace, "--kubeconfig", str(kubeconfig)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


class Cluster:
    """Simulations in one namespace, and the operator's hand: statuses are written as it would."""

    def __init__(self, kube: ApiClient, namespace: str) -> None:
        self.api = kubernetes.client.CustomObjectsApi(kube)
        self.namespace = namespace
        self.where = {"group": "simulation-operator.dev", "version": "v1alpha1", "namespace": namespace, "plural": "simulations"}

    def create(
        self, name: str, *, spec: dict[str, Any] | None = None, labels: dict[str, str] | None = None, finalizers: Sequence[str] = ()
    ) -> dict[str, Any]:
        metadata = {"name": name, "labels": labels or {}, "finalizers": list(finalizers)}
        body = {**KIND, "metadata": metadata, "spec": SPEC | (spec or {})}
        return self.api.create_namespaced_custom_object(**self.where, body=body)  # type: ignore[no-any-return]

    def get(self, name: str) -> dict[str, Any]:
        return self.api.get_namespaced_custom_object(**self.where, name=name)  # type: ignore[no-any-return]

    def delete(self, name: str) -> None:
        self.api.delete_namespaced_custom_object(**self.where, name=name)

    def let_go(self, name: str) -> None:
        self.api.patch_namespaced_custom_object(**self.where, name=name, body={"metadata": {"finalizers": None}}, _content_type=MERGE)

    def show(self, name: str, phase: str, **status: Any) -> dict[str, Any]:
        """The status that the operator would write of the spec as it is now."""
        generation = self.get(name)["metadata"]["generation"]
        conditions = {
            "Suspended": phase == "Suspended",
            "Complete": phase == "Completed",
            "Failed": phase == "Failed",
            "Finished": phase in {"Completed", "Failed", "Cancelled"},
        }
        written = {
            "observedGeneration": generation,
            "phase": phase,
            "conditions": [
                {"type": each, "status": str(holds), "reason": phase, "message": "", "observedGeneration": generation}
                for each, holds in conditions.items()
            ],
            "message": f"{phase} it is.",
            **status,
        }
        return self.api.patch_namespaced_custom_object_status(  # type: ignore[no-any-return]
            **self.where, name=name, body={"status": written}, _content_type=MERGE
        )


@pytest.fixture
def cluster(simulation_kind: None, kube: ApiClient, namespace: str) -> Cluster:
    return Cluster(kube, namespace)


@pytest.fixture
def nobody(kube: ApiClient, namespace: str, control_plane: Path, tmp_path: Path) -> Path:
    """The kubeconfig of a service account without any right."""
    core = kubernetes.client.CoreV1Api(kube)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "nobody"}})
    token = core.create_namespaced_service_account_token("nobody", namespace, {"spec": {"expirationSeconds": 600}}).status.token
    return with_token(tmp_path / "nobody", control_plane, token)


@pytest.fixture
def reader(kube: ApiClient, namespace: str, nobody: Path) -> Path:
    """Of one who may look at Simulations in the namespace, and nothing else."""
    rbac = kubernetes.client.RbacAuthorizationV1Api(kube)
    rules = [{"apiGroups": ["simulation-operator.dev"], "resources": ["simulations"], "verbs": ["get", "list"]}]
    rbac.create_namespaced_role(namespace, {"metadata": {"name": "reader"}, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "nobody", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    rbac.create_namespaced_role_binding(namespace, {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]})
    return nobody


def with_token(path: Path, administrators: Path, token: str) -> Path:
    (entry,) = yaml.safe_load(administrators.read_text())["clusters"]
    authority = path.with_suffix(".crt")
    authority.write_bytes(base64.b64decode(entry["cluster"]["certificate-authority-data"]))
    write_kubeconfig(path, server=entry["cluster"]["server"], authority=authority, user="nobody", token=token)
    return path


@pytest.fixture
def stranger(control_plane: Path, tmp_path: Path) -> Path:
    """Of one whom the API server doesn't know."""
    return with_token(tmp_path / "stranger", control_plane, "x")
