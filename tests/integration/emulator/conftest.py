"""One emulator for the folder, emptied for each test; everything that goes over its wire is held against HubSpot's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from hubspot import HubSpot

from references.hubspot_documents import Wire
from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.server import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "pat-na1-for-tests"


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="module")
def running_emulator(wire: Wire) -> Iterator[EmulatorServer]:
    with EmulatorServer(around=wire.around, limits=Limits(calls_per_ten_seconds=100_000)) as server:
        yield server


@pytest.fixture
def emulator(running_emulator: EmulatorServer, wire: Wire) -> Iterator[EmulatorServer]:
    running_emulator.clear()
    wire.exchanges.clear()
    yield running_emulator
    wire.check()


@pytest.fixture
def http(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=emulator.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10) as client:
        yield client


@pytest.fixture
def sdk(emulator: EmulatorServer) -> HubSpot:
    return HubSpot(access_token=TOKEN, host=emulator.url)


@pytest.fixture
def keyed(http: httpx.Client) -> httpx.Client:
    """The account as our worker prepares it: simulation_key (unique), simulation_id and simulation_name on all three types."""
    for object_type in ("companies", "contacts", "deals"):
        http.post(f"/crm/v3/properties/{object_type}/groups", json={"name": "simulation", "label": "Simulation"}).raise_for_status()
        for name in ("simulation_key", "simulation_id", "simulation_name"):
            wanted = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "simulation"}
            unique = {"hasUniqueValue": True} if name == "simulation_key" else {}
            http.post(f"/crm/v3/properties/{object_type}", json=wanted | unique).raise_for_status()
    return http
