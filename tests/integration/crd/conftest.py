"""Simulations on a real API server."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient

from simulation_sandbox.waiting import wait_for

ROOT = Path(__file__).parents[3]
BASE = {"scenario": "B2B", "totalRecords": 10, "durationSeconds": 60}
CRD_NAME = "simulations.simulation-operator.dev"


class Simulations:
    """Creates and changes Simulations in one namespace; each method returns the object or raises the API server's refusal."""

    def __init__(self, kube: ApiClient, namespace: str) -> None:
        self.api = kubernetes.client.CustomObjectsApi(kube)
        self.where = {"group": "simulation-operator.dev", "version": "v1alpha1", "namespace": namespace, "plural": "simulations"}

    def create(self, changes: dict[str, Any], *, name: str = "trial", dry: bool = False) -> dict[str, Any]:
        body = {
            "apiVersion": "simulation-operator.dev/v1alpha1",
            "kind": "Simulation",
            "metadata": {"name": name},
            "spec": overlaid(BASE, changes),
        }
        return self.api.create_namespaced_custom_object(**self.where, body=body, dry_run="All" if dry else None)

    def patch(self, changes: dict[str, Any], *, name: str = "trial") -> dict[str, Any]:
        return self.api.patch_namespaced_custom_object(
            **self.where, name=name, body={"spec": changes}, _content_type="application/merge-patch+json"
        )

    def patch_status(self, status: dict[str, Any], *, name: str = "trial") -> dict[str, Any]:
        return self.api.patch_namespaced_custom_object_status(
            **self.where, name=name, body={"status": status}, _content_type="application/merge-patch+json"
        )


def overlaid(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A JSON merge patch: null removes."""
    merged = copy.deepcopy(base)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = overlaid(merged.get(name, {}), value) if isinstance(value, dict) else value
    return merged


@pytest.fixture(scope="session")
def simulation_crd(control_plane: Path) -> dict[str, Any]:
    """The definition as the API server took it."""
    definition = yaml.safe_load((ROOT / "crds/simulation.yaml").read_text())
    with kubernetes.config.new_client_from_config(str(control_plane)) as client:
        api = kubernetes.client.ApiextensionsV1Api(client)
        if not any(crd.metadata.name == CRD_NAME for crd in api.list_custom_resource_definition().items):
            api.create_custom_resource_definition(definition)
        wait_for(lambda: _is_served(client), what="the API server to serve Simulations", within_seconds=30)
    return definition


def _is_served(client: ApiClient) -> bool:
    try:
        kubernetes.client.CustomObjectsApi(client).list_cluster_custom_object("simulation-operator.dev", "v1alpha1", "simulations")
    except kubernetes.client.ApiException:
        return False
    return True


@pytest.fixture
def simulations(simulation_crd: dict[str, Any], kube: ApiClient, namespace: str) -> Simulations:
    return Simulations(kube, namespace)
