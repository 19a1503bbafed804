"""What the chart installed, found by its labels. Whoever runs Simulations may lack the right to look; each refusal says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import kubernetes

from simulation_cli.cluster.connection import TIMEOUT_SECONDS, Cluster, Right

LABELS = "app.kubernetes.io/name=simulation-operator,app.kubernetes.io/component"


@dataclass(frozen=True)
class Workers:
    ready: int
    wanted: int


def workers(cluster: Cluster, namespace: str | None) -> Workers | None:
    """Of all installations in that namespace (None: in any); None: there is none. Raises ForbiddenError and UnreachableError."""
    found = _list(cluster, "deployment", "deployments.apps", "worker", namespace)
    if not found:
        return None
    return Workers(sum(each.status.ready_replicas or 0 for each in found), sum(each.spec.replicas or 0 for each in found))


def _list(cluster: Cluster, kind: str, resource: str, component: str, namespace: str | None) -> list[Any]:
    """Objects with the chart's labels."""
    api: Any = (kubernetes.client.AppsV1Api if resource.endswith(".apps") else kubernetes.client.CoreV1Api)(cluster.client)
    selector = LABELS + (f"={component}" if component else "")
    options = {"label_selector": selector, "_request_timeout": TIMEOUT_SECONDS}
    where = "all namespaces" if namespace is None else f"namespace {namespace}"
    with cluster.asked(f"the operator's {resource.partition('.')[0]}", Right("list", f"{resource} in {where}")):
        if namespace is None:
            return list(getattr(api, f"list_{kind}_for_all_namespaces")(**options).items)
        return list(getattr(api, f"list_namespaced_{kind}")(namespace, **options).items)
