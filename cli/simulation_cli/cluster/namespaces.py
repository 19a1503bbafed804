"""The namespaces of a cluster, for who may see them."""

from __future__ import annotations

from typing import Any

import kubernetes

from simulation_cli.cluster.connection import TIMEOUT_SECONDS, Cluster, Right


def names(cluster: Cluster) -> list[str]:
    with cluster.asked("the namespaces", Right("list", "namespaces")):
        found: Any = kubernetes.client.CoreV1Api(cluster.client).list_namespace(_request_timeout=TIMEOUT_SECONDS)
    return [each.metadata.name for each in found.items]
