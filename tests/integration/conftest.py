"""What most integration tests begin with: an engine on a migrated database, a client of the flushed Valkey, a patient wait,
and an API server that knows Simulations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient
from redis import Redis
from sqlalchemy import Engine

from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.queue.connection import connect
from simulation_sandbox.waiting import wait_for

ROOT = Path(__file__).parents[2]
CRD_NAME = "simulations.simulation-operator.dev"
BETWEEN_LOOKS_SECONDS = 0.01


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """With connections enough for the tests that race."""
    made = create_ledger_engine(migrated_url, application_name="test", pool_size=12)
    yield made
    made.dispose()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for a condition, with a deadline."""

    def wait(condition: Callable[[], bool], within_seconds: float = 20.0) -> None:
        deadline = time.monotonic() + within_seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition was not met in time"
            threading.Event().wait(BETWEEN_LOOKS_SECONDS)

    return wait


@pytest.fixture(scope="session")
def simulation_kind(control_plane: Path) -> None:
    """The API server knows Simulations."""
    with kubernetes.config.new_client_from_config(str(control_plane)) as client:
        api = kubernetes.client.ApiextensionsV1Api(client)
        if not any(crd.metadata.name == CRD_NAME for crd in api.list_custom_resource_definition().items):
            api.create_custom_resource_definition(yaml.safe_load((ROOT / "crds/simulation.yaml").read_text()))
        wait_for(lambda: _is_served(client), what="the API server to serve Simulations", within_seconds=30)


def _is_served(client: ApiClient) -> bool:
    try:
        kubernetes.client.CustomObjectsApi(client).list_cluster_custom_object("simulation-operator.dev", "v1alpha1", "simulations")
    except kubernetes.client.ApiException:
        return False
    return True
