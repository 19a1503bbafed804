"""Reading and changing Simulations, exactly as plain kubectl would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kubernetes

from simulation_cli.cluster.connection import SIMULATIONS, TIMEOUT_SECONDS, Cluster, Right, connected
from simulation_cli.cluster.kubeconfig import Where
from simulation_cli.resource import GROUP, PLURAL, VERSION, ClusterSimulation

PAGE = 500  # objects; as kubectl asks for them
MERGE_PATCH = "application/merge-patch+json"


def get_simulation(name: str, where: Where) -> ClusterSimulation:
    """Raises UnreachableError, NoSuchSimulationError, NotInstalledError or ForbiddenError."""
    with connected(where) as cluster:
        return get(cluster, name)


def get(cluster: Cluster, name: str) -> ClusterSimulation:
    with cluster.asked(f"Simulation {cluster.namespace}/{name}", Right("get", SIMULATIONS)):
        body = _api(cluster).get_namespaced_custom_object(GROUP, VERSION, cluster.namespace, PLURAL, name, _request_timeout=TIMEOUT_SECONDS)
    return ClusterSimulation.from_body(body)


def find(cluster: Cluster, *, selector: str | None = None, everywhere: bool = False) -> list[ClusterSimulation]:
    """In the order of namespaces and names. `selector`: labels, as kubectl's -l takes them."""
    found: list[ClusterSimulation] = []
    token: str | None = None
    options: dict[str, Any] = {"limit": PAGE, "_request_timeout": TIMEOUT_SECONDS, **({"label_selector": selector} if selector else {})}
    whose = "Simulations of all namespaces" if everywhere else f"Simulations in namespace {cluster.namespace}"
    with cluster.asked(whose, Right("list", SIMULATIONS)):
        while True:
            page = {**options, "_continue": token} if token else options
            if everywhere:
                answer = _api(cluster).list_cluster_custom_object(GROUP, VERSION, PLURAL, **page)
            else:
                answer = _api(cluster).list_namespaced_custom_object(GROUP, VERSION, cluster.namespace, PLURAL, **page)
            found += [ClusterSimulation.from_body(body) for body in answer["items"]]
            token = answer["metadata"].get("continue")
            if not token:
                return found


def patch(cluster: Cluster, simulation: ClusterSimulation, changes: Mapping[str, Any]) -> ClusterSimulation:
    """`changes` is a merge patch. It is refused where the name stands for another Simulation by now, whom nobody meant."""
    body = {**changes, "metadata": {**changes.get("metadata", {}), "uid": str(simulation.uid)}}
    with cluster.asked(f"Simulation {simulation}", Right("patch", SIMULATIONS)):
        answer = _api(cluster).patch_namespaced_custom_object(
            GROUP,
            VERSION,
            simulation.namespace,
            PLURAL,
            simulation.name,
            body,
            _content_type=MERGE_PATCH,
            _request_timeout=TIMEOUT_SECONDS,
        )
    return ClusterSimulation.from_body(answer)


def _api(cluster: Cluster) -> Any:
    return kubernetes.client.CustomObjectsApi(cluster.client)
