"""Our worker's own requests, as it sends them over the SDK, are what HubSpot's documents say; and so is all it gets back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from references.hubspot_documents import Wire
from references.unpaced import Unpaced
from simulation_core.content.values import Company, Contact, Record
from simulation_core.portals import Portal
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import Part, deliver_records
from simulation_worker.crm.objects import Objects
from simulation_worker.crm.properties import Marks
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.setup import prepare

SIMULATION = UUID("6f1c2a55-0000-4222-8333-444455556666")


@pytest.fixture
def client(emulator: EmulatorServer, wire: Wire) -> Iterator[CrmClient]:
    """Of a prepared portal. At the end every request is held against the documents, also those that were refused."""
    made = CrmClient(url=emulator.url, token="any", pace=Unpaced())
    prepare(made, Portal(name="default", allowed_namespaces=("*",), url=emulator.url))
    yield made
    made.close()
    wire.check(refused_requests=True)


def record(number: int, **company: Any) -> Record:
    key = f"{SIMULATION}-{number}"
    values = {"name": f"Company {number}", "domain": f"c{number}.example", "industry": "Computer Software"} | company
    person = Contact(
        key=f"{key}-p0", first_name="Ada", last_name="Ono", phone="1", city="Kiel", job_title="CTO", company_name=None,
        email=f"x.{number}@c{number}.example",
    )  # fmt: skip
    whole = Company(key=f"{key}-c", description="Wind", city="Kiel", employees=7, annual_revenue=1000, **values)
    return Record(number=number, company=whole, contacts=(person,))


def deliver(client: CrmClient, *records: Record) -> None:
    deliver_records(client, [Part(Marks(SIMULATION, "team-a", "spring-launch"), records)], Quarantine(lambda calls: calls))


def test_a_delivery(client: CrmClient, wire: Wire) -> None:
    deliver(client, *(record(number) for number in range(3)))
    assert {
        ("GET", "/account-info/v3/details"),
        ("POST", "/crm/v3/properties/{objectType}"),
        ("POST", "/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/create"),
    } <= wire.documented
    assert any(template.endswith("batch/upsert") for _, template in wire.documented)


def test_a_delivery_of_which_a_part_fails(client: CrmClient, wire: Wire) -> None:
    deliver(client, record(0), record(1, industry="No Such Trade"))
    assert 207 in [exchange.status for exchange in wire.exchanges]


@pytest.mark.parametrize("status", [400, 409, 423, 429, 477, 500, 503])
def test_a_delivery_that_is_refused(client: CrmClient, emulator: EmulatorServer, status: int) -> None:
    wanted = {"kind": "status", "status": status, "match": "upsert", "times": 2}
    httpx.post(f"{emulator.url}/_emulator/faults", json=wanted).raise_for_status()
    deliver(client, record(0), record(1))


def test_what_is_asked_after_a_run(client: CrmClient, wire: Wire, emulator: EmulatorServer) -> None:
    httpx.post(f"{emulator.url}/_emulator/behaviour", json={"searchLagMilliseconds": 0}).raise_for_status()
    deliver(client, *(record(number) for number in range(3)))
    objects = Objects(client, aside_s=lambda: 0.0, sleep=lambda _: None)
    found = objects.by_key("companies", [f"{SIMULATION}-0-c", f"{SIMULATION}-9-c"])
    assert list(found) == [f"{SIMULATION}-0-c"]
    hits = objects.search("contacts", SIMULATION, after=0)
    assert [key for _, key in hits] == [f"{SIMULATION}-{number}-p0" for number in range(3)]
    assert objects.search("contacts", SIMULATION, after=hits[1][0]) == hits[2:]
    objects.archive("companies", list(found.values()))
    assert objects.still_there("companies", list(found.values())) == []
    assert {template.rpartition("/")[2] for _, template in wire.documented} >= {"read", "search", "archive"}


def test_the_check_sees_a_request_that_no_document_knows() -> None:
    wire = Wire()
    with EmulatorServer(around=wire.around) as server:
        headers = {"Authorization": "Bearer any"}
        httpx.post(f"{server.url}/crm/v3/objects/companies/batch/upsert", json={"inputs": [{"key": "1"}]}, headers=headers)
        with pytest.raises(AssertionError, match="the request of"):
            wire.check(refused_requests=True)
        wire.exchanges.clear()
        httpx.get(f"{server.url}/crm/v3/owners?mail=a@b.example", headers=headers)
        with pytest.raises(AssertionError, match="mail"):
            wire.check()
