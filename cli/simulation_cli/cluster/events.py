"""The Events of one Simulation: what `kubectl describe` tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import kubernetes

from simulation_cli.cluster.connection import TIMEOUT_SECONDS, Cluster, Right
from simulation_cli.resource import ClusterSimulation


@dataclass(frozen=True)
class Event:
    time: str  # when it was last so
    reason: str
    message: str
    warning: bool
    count: int


def events(cluster: Cluster, simulation: ClusterSimulation) -> list[Event]:
    """Oldest first. The API server forgets them after an hour."""
    with cluster.asked(f"the Events of {simulation}", Right("list", f"events in namespace {simulation.namespace}")):
        found: Any = kubernetes.client.CoreV1Api(cluster.client).list_namespaced_event(
            simulation.namespace, field_selector=f"involvedObject.uid={simulation.uid}", _request_timeout=TIMEOUT_SECONDS
        )
    told = [
        Event(
            time=(each.last_timestamp or each.metadata.creation_timestamp).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason=each.reason or "",
            message=each.message or "",
            warning=each.type == "Warning",
            count=each.count or 1,
        )
        for each in found.items
    ]
    return sorted(told, key=lambda event: event.time)
