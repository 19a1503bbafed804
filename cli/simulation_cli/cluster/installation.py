"""What the chart installed, found by its labels. Whoever runs Simulations may lack the right to look; each refusal says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import kubernetes

from simulation_cli.cluster.connection import TIMEOUT_SECONDS, Cluster, Right

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
PORTALS_KEY = "portals.yaml"
METRICS_PORT = 8080


@dataclass(frozen=True)
class Workers:
    ready: int
    wanted: int


@dataclass(frozen=True)
class Pod:
    namespace: str
    name: str
    component: str  # its container has the same name
    ready: bool

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def workers(cluster: Cluster, namespace: str | None) -> Workers | None:
    """Of all installations in that namespace (None: in any); None: there is none. Raises ForbiddenError and UnreachableError."""
    found = _list(cluster, "deployment", "deployments.apps", "worker", namespace)
    if not found:
        return None
    return Workers(sum(each.status.ready_replicas or 0 for each in found), sum(each.spec.replicas or 0 for each in found))


def portals_files(cluster: Cluster, namespace: str | None) -> list[str]:
    """The portals files of all installations, as YAML without secrets."""
    found = _list(cluster, "config_map", "configmaps", "portals", namespace)
    return [each.data[PORTALS_KEY] for each in found if PORTALS_KEY in (each.data or {})]


def pods(cluster: Cluster, namespace: str | None, component: str | None = None) -> list[Pod]:
    return [
        Pod(
            each.metadata.namespace,
            each.metadata.name,
            each.metadata.labels[COMPONENT],
            any(condition.type == "Ready" and condition.status == "True" for condition in each.status.conditions or ()),
        )
        for each in _list(cluster, "pod", "pods", component, namespace)
        if COMPONENT in each.metadata.labels
    ]


def metrics(cluster: Cluster, pod: Pod) -> str:
    """What the pod tells Prometheus, through the API server."""
    with cluster.asked(f"the metrics of pod {pod}", Right("get", f"pods/proxy in namespace {pod.namespace}")):
        answer: Any = kubernetes.client.CoreV1Api(cluster.client).connect_get_namespaced_pod_proxy_with_path(
            f"{pod.name}:{METRICS_PORT}", pod.namespace, "metrics", _preload_content=False, _request_timeout=TIMEOUT_SECONDS
        )
        return str(answer.data.decode())


def _list(cluster: Cluster, kind: str, resource: str, component: str | None, namespace: str | None) -> list[Any]:
    """Objects with the chart's labels."""
    api: Any = (kubernetes.client.AppsV1Api if resource.endswith(".apps") else kubernetes.client.CoreV1Api)(cluster.client)
    selector = f"{NAME}=simulation-operator" + (f",{COMPONENT}={component}" if component else "")
    options = {"label_selector": selector, "_request_timeout": TIMEOUT_SECONDS}
    where = "all namespaces" if namespace is None else f"namespace {namespace}"
    with cluster.asked(f"the operator's {resource.partition('.')[0]}", Right("list", f"{resource} in {where}")):
        if namespace is None:
            return list(getattr(api, f"list_{kind}_for_all_namespaces")(**options).items)
        return list(getattr(api, f"list_namespaced_{kind}")(namespace, **options).items)
