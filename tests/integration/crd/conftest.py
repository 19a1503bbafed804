"""Simulations on a real API server."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient

ROOT = Path(__file__).parents[3]
BASE = {"scenario": "B2B", "totalRecords": 10, "durationSeconds": 60}


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
def simulation_crd(simulation_kind: None) -> dict[str, Any]:
    """The definition as the API server took it."""
    definition: dict[str, Any] = yaml.safe_load((ROOT / "crds/simulation.yaml").read_text())
    return definition


@pytest.fixture
def simulations(simulation_crd: dict[str, Any], kube: ApiClient, namespace: str) -> Simulations:
    return Simulations(kube, namespace)
