"""A real API server takes what the chart renders, the strictest Pod Security Standard included, and RBAC gives exactly what is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client import ApiClient, ApiException

CHART = Path(__file__).parents[3] / "charts/simulation-operator"
COMPONENTS = ["operator", "scheduler", "worker"]


@pytest.fixture
def restricted(kube: ApiClient, namespace: str) -> str:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubernetes.client.CoreV1Api(kube).patch_namespace(namespace, {"metadata": {"labels": label}})
    return namespace


def create(kube: ApiClient, thing: dict[str, Any], namespace: str, **options: Any) -> None:
    kubernetes.utils.create_from_dict(kube, thing, namespace=namespace, **options)


def in_namespace(thing: dict[str, Any], namespace: str) -> dict[str, Any]:
    moved = {**thing, "metadata": {**thing["metadata"]}}
    if "namespace" in moved["metadata"]:
        moved["metadata"]["namespace"] = namespace
    if "subjects" in thing:
        moved["subjects"] = [{**subject, "namespace": namespace} for subject in thing["subjects"]]
    return moved


def test_everything_is_accepted(chart: Any, kube: ApiClient, restricted: str) -> None:
    for thing in chart(networkPolicy={"enabled": True}).objects:
        if thing["kind"] != "CustomResourceDefinition":  # has tests of its own
            create(kube, in_namespace(thing, restricted), restricted, dry_run="All")


@pytest.mark.parametrize("component", COMPONENTS)
def test_pods_meet_the_restricted_standard(chart: Any, kube: ApiClient, restricted: str, component: str) -> None:
    core = kubernetes.client.CoreV1Api(kube)
    core.create_namespaced_service_account(restricted, {"metadata": {"name": f"demo-{component}"}})
    core.create_namespaced_pod(restricted, {"metadata": {"name": "trial"}, "spec": chart().pod(component)}, dry_run="All")


def test_the_standard_is_in_force_in_that_namespace(kube: ApiClient, restricted: str) -> None:
    careless = {"metadata": {"name": "trial"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    with pytest.raises(ApiException, match="violates PodSecurity"):
        kubernetes.client.CoreV1Api(kube).create_namespaced_pod(restricted, careless, dry_run="All")


class Reviewer:
    """Asks the API server what a service account may do."""

    def __init__(self, kube: ApiClient, account: str, namespace: str) -> None:
        self.api = kubernetes.client.AuthorizationV1Api(kube)
        self.user = f"system:serviceaccount:{namespace}:{account}"

    def allows(self, verb: str, resource: str, namespace: str, *, group: str = "", name: str = "") -> bool:
        resource, _, subresource = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace, "name": name}
        review = self.api.create_subject_access_review({"spec": {"user": self.user, "resourceAttributes": asked}})
        return bool(review.status.allowed)


@pytest.fixture
def installed(chart: Any, kube: ApiClient, namespace: str) -> Any:
    """Installs the chart's RBAC and returns the reviewer of a component; cluster-wide parts go afterwards."""
    made: list[dict[str, Any]] = []

    def install(component: str = "operator", **values: Any) -> Reviewer:
        for thing in chart(fullnameOverride=namespace, **values).objects:
            if "rbac.authorization.k8s.io" in thing["apiVersion"]:
                create(kube, in_namespace(thing, namespace), namespace)
                made.append(thing)
        return Reviewer(kube, f"{namespace}-{component}", namespace)

    yield install
    rbac = kubernetes.client.RbacAuthorizationV1Api(kube)
    for thing in made:
        if thing["kind"] == "ClusterRole":
            rbac.delete_cluster_role(thing["metadata"]["name"])
        if thing["kind"] == "ClusterRoleBinding":
            rbac.delete_cluster_role_binding(thing["metadata"]["name"])


OURS = "simulation-operator.dev"


def test_the_operator_may_do_its_work(installed: Any, namespace: str) -> None:
    operator = installed()
    for verb in ("get", "list", "watch", "patch", "delete"):
        assert operator.allows(verb, "simulations", "anywhere", group=OURS)
    assert operator.allows("patch", "simulations/status", "anywhere", group=OURS)
    assert operator.allows("create", "events", "anywhere")
    assert operator.allows("patch", "deployments/scale", namespace, group="apps", name=f"{namespace}-worker")


@pytest.mark.parametrize(
    ("verb", "resource", "group", "name"),
    [
        ("create", "simulations", OURS, "x"),
        ("update", "simulations", OURS, "x"),
        ("get", "secrets", "", "simulation-database"),
        ("list", "secrets", "", ""),
        ("list", "pods", "", ""),
        ("patch", "deployments", "apps", "x-worker"),
        ("patch", "deployments/scale", "apps", "somebody-elses"),
        ("list", "deployments", "apps", ""),
    ],
)
def test_the_operator_may_do_nothing_else(installed: Any, namespace: str, verb: str, resource: str, group: str, name: str) -> None:
    assert not installed().allows(verb, resource, namespace, group=group, name=name)


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_scheduler_and_workers_may_do_nothing(installed: Any, namespace: str, component: str) -> None:
    assert not installed(component).allows("get", "simulations", namespace, group=OURS)


def test_an_operator_of_named_namespaces_sees_no_others(installed: Any, namespace: str) -> None:
    operator = installed(operator={"watchNamespaces": [namespace]})
    assert operator.allows("watch", "simulations", namespace, group=OURS)
    assert not operator.allows("watch", "simulations", "default", group=OURS)


def test_an_upgrade_leaves_the_number_of_workers_to_the_operator(chart: Any, kube: ApiClient, control_plane: Any, restricted: str) -> None:
    where = ("--namespace", restricted, "--kubeconfig", str(control_plane))
    values: dict[str, Any] = {"crds": {"install": False}, "rbac": {"aggregateToDefaultRoles": False}}
    apps = kubernetes.client.AppsV1Api(kube)
    try:
        installed = chart.run("install", "demo", str(CHART), *where, values=values)
        assert installed.returncode == 0, installed.stderr
        assert "Portals: default (for namespaces *)" in installed.stdout
        apps.patch_namespaced_deployment_scale("demo-worker", restricted, {"spec": {"replicas": 4}})
        upgraded = chart.run("upgrade", "demo", str(CHART), *where, values=values | {"logLevel": "DEBUG"})
        assert upgraded.returncode == 0, upgraded.stderr
        worker = apps.read_namespaced_deployment("demo-worker", restricted)
        assert worker.spec.replicas == 4
        assert {"name": "SIMULATION_LOG_LEVEL", "value": "DEBUG"} in kube.sanitize_for_serialization(
            worker.spec.template.spec.containers[0].env
        )
    finally:
        chart.run_plain("uninstall", "demo", "--ignore-not-found", "--no-hooks", *where)  # no node would run them
