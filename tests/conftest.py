"""The real parts the tests run on, each started once a session and clean for each test.

A part that can't be had on this machine skips its tests with the reason; where CI=true that is a failure: a skip there would be a hole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import kubernetes
import pytest
import redis

from simulation_sandbox.assets import find as find_assets
from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.errors import PartUnavailableError
from simulation_sandbox.postgres import Postgres, Tuning
from simulation_sandbox.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import ApiClient

    from simulation_sandbox.assets import Assets
    from simulation_sandbox.hubspot.server import EmulatorServer
    from simulation_sandbox.model.server import ModelServer

MIGRATED = "migrated_template"


def unavailable(error: PartUnavailableError) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"a part is missing, and CI must have all: {error}", pytrace=False)
    pytest.skip(f"NOT TESTED on this machine: {error}")


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """Not pytest's own temp folder: nobody else may enter that, and Postgres runs as somebody else where we are root."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(session_folder: Path) -> Iterator[Postgres]:
    server = Postgres(session_folder / "postgres", tuning=Tuning(durable=False))
    try:
        server.start()
    except PartUnavailableError as error:
        unavailable(error)
    yield server
    server.remove()


@pytest.fixture
def database_url(postgres_server: Postgres) -> Iterator[str]:
    """A new empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: Postgres) -> str:
    """The name of a database at Alembic's head; copying it takes a fraction of migrating."""
    from simulation_core.ledger import migrate

    migrate.upgrade(postgres_server.create_database(MIGRATED))
    return MIGRATED


@pytest.fixture
def migrated_url(postgres_server: Postgres, migrated_template: str) -> Iterator[str]:
    """A new database with the ledger's schema, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create_database(name, template=migrated_template)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def redis_server(session_folder: Path) -> Iterator[Valkey]:
    server = Valkey(session_folder / "valkey")
    try:
        server.start()
    except PartUnavailableError as error:
        unavailable(error)
    yield server
    server.remove()


@pytest.fixture
def redis_url(redis_server: Valkey) -> str:
    """The server, flushed."""
    client = redis.Redis.from_url(redis_server.url)
    client.flushall()
    client.close()
    return redis_server.url


@pytest.fixture(scope="session")
def assets() -> Assets:
    """The control plane's programs, built by `make setup`."""
    try:
        return find_assets()
    except PartUnavailableError as error:
        unavailable(error)
        raise


@pytest.fixture(scope="session")
def control_plane_server(session_folder: Path, assets: Assets) -> Iterator[ControlPlane]:
    server = ControlPlane(session_folder / "control-plane", assets, durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def control_plane(control_plane_server: ControlPlane) -> Path:
    """The administrator's kubeconfig of a cluster with nothing in it."""
    return control_plane_server.kubeconfig


@pytest.fixture
def kube(control_plane: Path) -> Iterator[ApiClient]:
    """The administrator's API client."""
    with kubernetes.config.new_client_from_config(str(control_plane)) as client:
        yield client


@pytest.fixture
def namespace(kube: ApiClient) -> Iterator[str]:
    """A new namespace, deleted afterwards (not waited for)."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    core = kubernetes.client.CoreV1Api(kube)
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def hubspot() -> Iterator[EmulatorServer]:
    """A HubSpot with nothing in it."""
    from simulation_sandbox.hubspot.server import EmulatorServer

    server = EmulatorServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A language model that was asked nothing yet."""
    from simulation_sandbox.model.server import ModelServer

    with ModelServer() as server:
        yield server
