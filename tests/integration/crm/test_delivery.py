"""Batches into a HubSpot that follows the published documents, over the real SDK: each fault hits only what it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from references.unpaced import Unpaced
from simulation_core.content.values import Company, Contact, Record
from simulation_core.plan import make_plan
from simulation_core.plan.load import load_of
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_core.spec import parse_spec
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import Part, deliver_records
from simulation_worker.crm.errors import FenceLostError, PortalHeldError
from simulation_worker.crm.fates import Delivered, Postponed, Rejected
from simulation_worker.crm.properties import Marks
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.setup import prepare

SIMULATION = UUID("6f1c2a55-0000-4222-8333-444455556666")
MARKS = Marks(SIMULATION, "team-a", "spring-launch")


class Crm:
    """A client of the emulator, and the emulator as an outsider sees it."""

    def __init__(self, server: EmulatorServer, token: str = "any", *, deadline_seconds: float = 10) -> None:
        self.portal = Portal(name="default", allowed_namespaces=("*",), url=server.url)
        self.client = CrmClient(url=server.url, token=token, pace=Unpaced(), deadline_seconds=deadline_seconds)
        self.outside = httpx.Client(base_url=server.url)
        self.quarantine = Quarantine(lambda calls: calls)

    def close(self) -> None:
        self.client.close()
        self.outside.close()

    def deliver(self, *records: Record) -> dict[int, Any]:
        (fates,) = deliver_records(self.client, [Part(MARKS, records)], self.quarantine)
        return fates

    def fault(self, match: str, kind: str, times: int | None = 1, **more: Any) -> None:
        self.outside.post("/_emulator/faults", json={"match": match, "kind": kind, "times": times, **more}).raise_for_status()

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return self.outside.get(f"/_emulator/objects/{kind}", params={"limit": 10000}).json()["results"]

    def keys(self, kind: str) -> list[str]:
        return sorted(each["properties"]["simulation_key"] for each in self.objects(kind))

    def joined(self) -> list[dict[str, Any]]:
        return self.outside.get("/_emulator/associations", params={"from": "contacts", "to": "companies"}).json()["results"]

    def calls(self) -> int:
        return int(self.outside.get("/_emulator/summary").json()["calls"]["total"])


@pytest.fixture
def crm(hubspot: EmulatorServer) -> Iterator[Crm]:
    crm = Crm(hubspot)
    prepare(crm.client, crm.portal)
    yield crm
    crm.close()


def key(record: int, role: str) -> str:
    return f"{SIMULATION}-{record}-{role}"


def company(record: int, **changes: Any) -> Company:
    values = {"name": f"Company {record}", "domain": f"c{record}.example", "industry": "Computer Software"} | changes
    return Company(key=key(record, "c"), description="", city="Kiel", employees=7, annual_revenue=1000, **values)


def contact(record: int, index: int, **changes: Any) -> Contact:
    values = {"email": f"x.{key(record, f'p{index}')}@c{record}.example"} | changes
    return Contact(
        key=key(record, f"p{index}"), first_name="Ada", last_name="Ono", phone="", city="Kiel", job_title="CTO", company_name=None, **values
    )


def b2b(record: int, people: int = 1, **company_changes: Any) -> Record:
    return Record(number=record, company=company(record, **company_changes), contacts=tuple(contact(record, i) for i in range(people)))


def b2c(record: int, **changes: Any) -> Record:
    return Record(number=record, company=None, contacts=(contact(record, 0, **changes),))


def numbers(fates: dict[int, Any], kind: type) -> list[int]:
    return sorted(number for number, fate in fates.items() if isinstance(fate, kind))


def test_a_hundred_companies_with_contacts_take_four_calls(crm: Crm) -> None:
    before = crm.calls()
    fates = crm.deliver(*(b2b(i, people=2) for i in range(100)))
    assert numbers(fates, Delivered) == list(range(100))
    assert crm.calls() - before == 4  # 100 companies, 2 × 100 contacts, 200 associations
    assert len(crm.objects("companies")) == 100
    assert len(crm.objects("contacts")) == 200
    assert len(crm.joined()) == 200
    assert {tuple(each["typeIds"]) for each in crm.joined()} == {(1, 279)}


def test_what_joins_a_thousand_records_travels_in_one_call(crm: Crm) -> None:
    before = crm.calls()
    fates = crm.deliver(*(b2b(i) for i in range(1_000)))
    assert numbers(fates, Delivered) == list(range(1_000))
    assert crm.calls() - before == 21  # for a thousand: ten, ten and one
    assert len(crm.joined()) == 1_000
    assert len({fate.answered_s for fate in fates.values()}) == 1  # so that each batch is told in one word


@pytest.mark.parametrize(("scenario", "records", "people"), [("B2B", 3, 0), ("B2B", 1, 1), ("B2B", 100, 3), ("B2C", 100, 1)])
def test_a_delivery_takes_the_calls_that_the_preview_counted(crm: Crm, scenario: str, records: int, people: int) -> None:
    contacts = {"contactsPerCompany": {"min": people, "max": people}}
    spec = parse_spec({"scenario": scenario, "totalRecords": records, "durationSeconds": 1, "records": contacts})
    plan = make_plan(spec, start_ms=0, window_ms=1000, seed=1)
    assert len(plan.batches) == 1
    before = crm.calls()
    crm.deliver(*(b2b(i, people=people) if scenario == "B2B" else b2c(i) for i in range(records)))
    assert crm.calls() - before == load_of(spec, plan, seed=1).calls


def test_each_contact_is_joined_to_its_own_company_whatever_order_the_answers_have(crm: Crm) -> None:
    crm.deliver(*(b2b(i, people=3) for i in range(20)))
    companies = {each["id"]: each["properties"]["simulation_key"] for each in crm.objects("companies")}
    contacts = {each["id"]: each["properties"]["simulation_key"] for each in crm.objects("contacts")}
    assert len(crm.joined()) == 60
    for join in crm.joined():
        assert contacts[join["from"]].rpartition("-")[0] == companies[join["to"]].rpartition("-")[0]


def test_the_ids_returned_are_those_of_the_objects(crm: Crm) -> None:
    fate = crm.deliver(b2b(5, people=1))[5]
    assert isinstance(fate, Delivered)
    ids = {
        each["properties"]["simulation_key"].rpartition("-")[2]: each["id"]
        for kind in ("companies", "contacts")
        for each in crm.objects(kind)
    }
    assert dict(fate.crm_ids) == ids


def test_objects_carry_the_simulation(crm: Crm) -> None:
    crm.deliver(b2b(5), b2c(6))
    for kind in ("companies", "contacts"):
        for each in crm.objects(kind):
            assert each["properties"]["simulation_id"] == str(SIMULATION)
            assert each["properties"]["simulation_name"] == "team-a/spring-launch"


def test_repeating_a_delivery_finds_what_is_there(crm: Crm) -> None:
    first = crm.deliver(*(b2b(i) for i in range(10)))
    again = crm.deliver(*(b2b(i) for i in range(10)))
    assert {n: f.crm_ids for n, f in first.items()} == {n: f.crm_ids for n, f in again.items()}
    assert len(crm.objects("companies")) == len(crm.objects("contacts")) == len(crm.joined()) == 10


def test_consumers_are_contacts_alone(crm: Crm) -> None:
    before = crm.calls()
    assert numbers(crm.deliver(*(b2c(i) for i in range(7))), Delivered) == list(range(7))
    assert crm.calls() - before == 1
    assert crm.objects("companies") == []


def test_one_bad_record_fails_alone_by_its_own_name(crm: Crm) -> None:
    fates = crm.deliver(*(b2b(i, industry="No Such Trade") if i == 3 else b2b(i) for i in range(10)))
    assert numbers(fates, Rejected) == [3]
    assert fates[3].reason is Reason.RECORD_REJECTED
    assert "NO_SUCH_TRADE" in fates[3].message
    assert numbers(fates, Delivered) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert key(3, "p0") not in crm.keys("contacts")  # nothing is written for a record that can't be whole


def test_a_bad_contact_fails_its_record_and_no_other(crm: Crm) -> None:
    records = [b2b(i) for i in range(4)]
    records[2] = Record(number=2, company=records[2].company, contacts=(contact(2, 0), contact(2, 1, email="no address")))
    fates = crm.deliver(*records)
    assert numbers(fates, Rejected) == [2]
    assert numbers(fates, Delivered) == [0, 1, 3]


def test_a_conflict_that_passes_is_repeated_once(crm: Crm) -> None:
    crm.fault("companies/batch/upsert", "status", status=409)
    assert numbers(crm.deliver(b2b(0), b2b(1)), Delivered) == [0, 1]


def test_a_conflict_that_stays_is_halved_down_to_its_record(crm: Crm) -> None:
    """Somebody else's contact has the e-mail already: HubSpot refuses the whole batch with 409."""
    headers = {"Authorization": "Bearer any"}
    taken = {"properties": {"email": "taken@elsewhere.example"}}
    crm.outside.post("/crm/v3/objects/contacts", json=taken, headers=headers).raise_for_status()
    fates = crm.deliver(*(b2c(i, email="taken@elsewhere.example") if i == 37 else b2c(i) for i in range(100)))
    assert numbers(fates, Rejected) == [37]
    assert len(numbers(fates, Delivered)) == 99


def test_a_400_for_the_whole_batch_is_halved_down_to_its_record(crm: Crm) -> None:
    crm.fault("contacts/batch/upsert", "status", status=400)
    assert numbers(crm.deliver(*(b2c(i) for i in range(8))), Delivered) == list(range(8))
    crm.fault("contacts/batch/upsert", "status", status=400, times=4)  # 8, its first 4, 2 and 1
    fates = crm.deliver(*(b2c(i) for i in range(10, 18)))
    assert numbers(fates, Rejected) == [10]
    assert numbers(fates, Delivered) == list(range(11, 18))


def test_a_lost_answer_is_postponed_and_the_repeat_makes_nothing_twice(crm: Crm) -> None:
    crm.fault("companies/batch/upsert", "lose_response", times=2)  # the kept connection is tried once more, on a new one
    fates = crm.deliver(b2b(0), b2b(1))
    assert numbers(fates, Postponed) == [0, 1]
    assert not any(fate.counts_as_try for fate in fates.values())
    assert len(crm.objects("companies")) == 2  # written, though nobody told us
    assert numbers(crm.deliver(b2b(0), b2b(1)), Delivered) == [0, 1]
    assert len(crm.objects("companies")) == len(crm.objects("contacts")) == 2


@pytest.mark.parametrize("phase", ["contacts/batch/upsert", "contacts/companies/batch/create"])
def test_a_lost_answer_in_a_later_call_is_no_different(crm: Crm, phase: str) -> None:
    crm.fault(phase, "lose_response", times=2)
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]
    assert numbers(crm.deliver(b2b(0)), Delivered) == [0]
    assert len(crm.objects("companies")) == len(crm.objects("contacts")) == len(crm.joined()) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (423, Reason.PORTAL_UNAVAILABLE),
        (429, Reason.PORTAL_THROTTLED),
        (477, Reason.PORTAL_UNAVAILABLE),
        (502, Reason.PORTAL_UNAVAILABLE),
        (503, Reason.PORTAL_UNAVAILABLE),
        (524, Reason.PORTAL_UNAVAILABLE),
    ],
)
def test_what_may_pass_is_postponed_and_no_further_call_is_made(crm: Crm, status: int, reason: Reason) -> None:
    before = crm.calls()
    crm.fault("", "status", status=status, times=None)
    fates = crm.deliver(*(b2b(i) for i in range(150)))
    assert len(numbers(fates, Postponed)) == 150
    assert fates[0].reason is reason
    assert not any(fate.counts_as_try for fate in fates.values())
    assert crm.calls() - before == 1


def test_a_500_that_does_not_stay_costs_no_record_anything(crm: Crm) -> None:
    crm.fault("companies/batch", "status", status=500)
    assert numbers(crm.deliver(*(b2b(i) for i in range(150))), Delivered) == list(range(150))


def test_500s_that_stay_are_hubspots_trouble_and_no_further_call_is_made(crm: Crm) -> None:
    before = crm.calls()
    crm.fault("batch", "status", status=500, times=None)
    fates = crm.deliver(*(b2b(i) for i in range(150)))
    assert numbers(fates, Postponed) == list(range(150))
    assert not any(fate.counts_as_try for fate in fates.values())
    assert crm.calls() - before == 3  # the call, and two of its records alone


def test_retry_after_is_kept(crm: Crm) -> None:
    crm.fault("", "status", status=429, retryAfterSeconds=4)
    assert crm.deliver(b2c(0))[0].wait_ms == 4000


def test_a_reset_connection_is_postponed(crm: Crm) -> None:
    crm.fault("companies", "reset", times=2)
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]


@pytest.mark.parametrize("kind", ["reset", "lose_response"])
def test_a_kept_connection_that_was_closed_costs_nothing(crm: Crm, kind: str) -> None:
    crm.fault("companies/batch", kind)
    assert numbers(crm.deliver(b2b(0)), Delivered) == [0]
    assert len(crm.objects("companies")) == len(crm.objects("contacts")) == 1


def test_a_new_connection_that_is_closed_is_not_tried_again_at_once(hubspot: EmulatorServer) -> None:
    crm = Crm(hubspot)
    crm.fault("companies/batch", "reset")
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]
    crm.close()


def test_a_refused_connection_is_postponed(crm: Crm, hubspot: EmulatorServer) -> None:
    hubspot.stop()
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]


@pytest.mark.parametrize("kind", ["latency", "slow_drip"])
def test_a_call_never_outlasts_its_deadline(hubspot: EmulatorServer, kind: str) -> None:
    """Neither an answer that doesn't come nor one that comes drop by drop, which read timeouts never notice."""
    crm = Crm(hubspot, deadline_seconds=0.4)
    prepare(crm.client, crm.portal)
    crm.fault("companies", kind, milliseconds=6000)
    started = time.monotonic()
    fate = crm.deliver(b2b(0))[0]
    assert time.monotonic() - started < 5  # before the answer is whole
    assert isinstance(fate, Postponed)
    assert "within 0.4 s" in fate.message
    crm.close()


def test_the_connection_works_again_after_a_deadline(hubspot: EmulatorServer) -> None:
    crm = Crm(hubspot, deadline_seconds=0.5)
    prepare(crm.client, crm.portal)
    crm.fault("companies", "latency", milliseconds=1000)
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]
    assert numbers(crm.deliver(b2b(0)), Delivered) == [0]
    assert threading.active_count() < 20
    crm.close()


def test_a_refused_token_stops_the_portal_and_fails_no_record(hubspot: EmulatorServer) -> None:
    crm = Crm(hubspot)
    prepare(crm.client, crm.portal)
    crm.fault("contacts", "status", status=401)
    with pytest.raises(PortalHeldError) as held:
        crm.deliver(b2b(0))
    assert held.value.reason is Reason.CREDENTIAL_REJECTED
    crm.close()


def test_a_call_that_may_not_be_made_is_not_made(crm: Crm) -> None:
    def lost(seconds: float) -> None:
        raise FenceLostError("the lease ends before the call could")

    crm.client.before_call = lost
    before = crm.calls()
    assert numbers(crm.deliver(b2b(0)), Postponed) == [0]
    assert crm.calls() == before
