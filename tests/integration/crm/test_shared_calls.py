"""Runs share calls: what one of them spoils costs the others a call, and never a record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from references.unpaced import Unpaced
from simulation_core.content.values import Contact, Record
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import Part, deliver_records
from simulation_worker.crm.fates import Delivered, Postponed, Rejected
from simulation_worker.crm.properties import Marks
from simulation_worker.crm.quarantine import AT_ONCE, Quarantine
from simulation_worker.crm.setup import prepare

ONE, OTHER = UUID(int=1), UUID(int=2)
TAKEN = "taken@elsewhere.example"
AUTHORIZED = {"Authorization": "Bearer any"}


def consumer(run: UUID, record: int, email: str | None = None) -> Record:
    key = f"{run}-{record}-p0"
    values = {"first_name": "Ada", "last_name": "Ono", "phone": "", "city": "Kiel", "job_title": None, "company_name": None}
    return Record(number=record, company=None, contacts=(Contact(key=key, email=email or f"x.{key}@mail.example", **values),))


def part(run: UUID, *records: Record) -> Part:
    return Part(Marks(run, "team-a", f"run-{run.int}"), records)


class Crm:
    def __init__(self, server: EmulatorServer) -> None:
        self.client = CrmClient(url=server.url, token="any", pace=Unpaced())
        self.outside = httpx.Client(base_url=server.url)
        self.quarantine = Quarantine(lambda calls: calls)
        prepare(self.client, Portal(name="default", allowed_namespaces=("*",), url=server.url))

    def deliver(self, *parts: Part, **more: Any) -> list[dict[int, Any]]:
        return deliver_records(self.client, parts, self.quarantine, **more)

    def fault(self, match: str, **fault: Any) -> None:
        self.outside.post("/_emulator/faults", json={"match": match, "kind": "status", **fault}).raise_for_status()

    def calls(self) -> int:
        return int(self.outside.get("/_emulator/summary").json()["calls"]["total"])

    def contacts(self) -> int:
        return int(self.outside.get("/_emulator/objects/contacts", params={"limit": 1}).json()["total"])

    def somebody_has(self, email: str) -> None:
        self.outside.post("/crm/v3/objects/contacts", json={"properties": {"email": email}}, headers=AUTHORIZED).raise_for_status()


@pytest.fixture
def crm(hubspot: EmulatorServer) -> Any:
    crm = Crm(hubspot)
    yield crm
    crm.client.close()
    crm.outside.close()


def kinds(fates: dict[int, Any]) -> set[type]:
    return {type(fate) for fate in fates.values()}


def test_a_refused_call_is_repeated_for_each_run_in_it(crm: Crm) -> None:
    crm.fault("contacts/batch/upsert", times=1, status=400)
    before = crm.calls()
    one, other = crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(20))), part(OTHER, *(consumer(OTHER, i) for i in range(20))))
    assert kinds(one) | kinds(other) == {Delivered}
    assert crm.calls() - before == 3
    assert crm.quarantine.apart == frozenset()  # neither was refused by itself


def test_only_the_run_that_spoiled_it_is_halved_and_it_is_kept_apart_until_a_clean_call(crm: Crm) -> None:
    crm.somebody_has(TAKEN)
    bad = part(ONE, *(consumer(ONE, i, TAKEN if i == 3 else None) for i in range(8)))
    one, other = crm.deliver(bad, part(OTHER, *(consumer(OTHER, i) for i in range(50))))
    assert kinds(other) == {Delivered}
    assert {number for number, fate in one.items() if isinstance(fate, Rejected)} == {3}
    assert crm.quarantine.apart == {str(ONE)}
    crm.deliver(part(OTHER, consumer(OTHER, 99)))
    assert crm.quarantine.apart == {str(ONE)}
    crm.deliver(part(ONE, consumer(ONE, 99)))
    assert crm.quarantine.apart == frozenset()


def test_a_delivery_that_was_paused_at_once_ends_no_quarantine(crm: Crm) -> None:
    crm.somebody_has(TAKEN)
    crm.deliver(part(ONE, consumer(ONE, 0, TAKEN)))
    crm.fault("contacts/batch", times=1, status=429)
    (fates,) = crm.deliver(part(ONE, consumer(ONE, 1)))
    assert kinds(fates) == {Postponed}
    assert crm.quarantine.apart == {str(ONE)}


def test_a_conflict_over_records_that_are_there_already_writes_nothing_more(crm: Crm) -> None:
    """Another worker, thought dead, wrote them in that moment."""
    records = [consumer(ONE, i) for i in range(10)]
    (first,) = crm.deliver(part(ONE, *records))
    crm.fault("contacts/batch/upsert", times=2, status=409)
    before = crm.calls()
    (again,) = crm.deliver(part(ONE, *records))
    assert {number: fate.crm_ids for number, fate in again.items()} == {number: fate.crm_ids for number, fate in first.items()}
    assert crm.calls() - before == 3  # twice refused, then asked by key


def test_what_is_not_there_after_a_conflict_is_written_together(crm: Crm) -> None:
    crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(10))))
    crm.fault("contacts/batch/upsert", times=2, status=409)
    before = crm.calls()
    (fates,) = crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(30))))
    assert kinds(fates) == {Delivered}
    assert crm.calls() - before == 4
    assert crm.contacts() == 30


@pytest.mark.parametrize("many", [1, 30])
def test_contacts_that_lost_their_key_with_the_property_are_adopted_by_their_email(crm: Crm, many: int) -> None:
    """Written, the answer lost, and then the property deleted and created anew: nobody has them by key, and their e-mails are taken."""
    records = [consumer(ONE, i) for i in range(30)]
    for record in records[:many]:
        crm.somebody_has(record.contacts[0].email)
    (fates,) = crm.deliver(part(ONE, *records))
    assert kinds(fates) == {Delivered}
    assert crm.contacts() == 30
    (again,) = crm.deliver(part(ONE, *records))
    assert {number: fate.crm_ids for number, fate in again.items()} == {number: fate.crm_ids for number, fate in fates.items()}


def test_a_contact_of_ours_is_adopted_though_another_of_its_call_is_somebody_elses(crm: Crm) -> None:
    crm.somebody_has(TAKEN)
    crm.somebody_has(consumer(ONE, 1).contacts[0].email)
    (fates,) = crm.deliver(part(ONE, consumer(ONE, 0), consumer(ONE, 1), consumer(ONE, 2, TAKEN)))
    assert {number for number, fate in fates.items() if isinstance(fate, Delivered)} == {0, 1}
    assert isinstance(fates[2], Rejected)


def test_a_key_that_is_twice_in_a_call_fails_no_other(crm: Crm) -> None:
    doubled = consumer(ONE, 5)
    one, twice = crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(10))), part(ONE, doubled))
    assert kinds(one) == {Delivered}
    assert kinds(twice) == {Delivered}
    assert crm.contacts() == 10


def test_finding_the_bad_record_takes_what_is_granted_and_gets_there(crm: Crm) -> None:
    granted: list[int] = []

    def once_a_round(calls: int) -> int:
        granted.append(calls)
        return calls if len(granted) == 1 else 0

    crm.quarantine = Quarantine(once_a_round)
    crm.somebody_has(TAKEN)
    left = {i: consumer(ONE, i, TAKEN if i == 70 else None) for i in range(100)}
    rounds = 0
    while left:
        rounds += 1
        before = crm.calls()
        (fates,) = crm.deliver(part(ONE, *left.values()))
        assert crm.calls() - before <= 2 + AT_ONCE  # the call, once again, and some to find out
        assert not any(isinstance(fate, Postponed) and fate.counts_as_try for fate in fates.values())
        assert {n for n, fate in fates.items() if isinstance(fate, Rejected)} <= {70}
        left = {number: record for number, record in left.items() if isinstance(fates[number], Postponed)}
        granted.clear()
    assert 1 < rounds < 6
    assert crm.contacts() == 1 + 99


def test_dividing_a_call_by_runs_takes_them_too(crm: Crm) -> None:
    grants = iter([3])
    crm.quarantine = Quarantine(lambda _: next(grants, 0))
    crm.fault("contacts/batch/upsert", times=2, status=400)
    before = crm.calls()
    runs = [UUID(int=number) for number in range(1, 11)]
    fates = crm.deliver(*(part(run, consumer(run, 0)) for run in runs))
    assert crm.calls() - before == 1 + 3
    assert sum(isinstance(of_run[0], Delivered) for of_run in fates) == 5
    waiting = [fate for of_run in fates for fate in of_run.values() if isinstance(fate, Postponed)]
    assert len(waiting) == 5
    assert not any(fate.counts_as_try for fate in waiting)


def test_a_property_that_is_gone_is_not_looked_for_record_by_record(crm: Crm) -> None:
    crm.outside.delete("/crm/v3/properties/contacts/simulation_key", headers=AUTHORIZED).raise_for_status()
    before = crm.calls()
    (fates,) = crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(100))))
    assert kinds(fates) == {Rejected}
    assert crm.calls() - before == 1


def test_who_leaves_finishes_what_was_begun_and_begins_nothing_more(crm: Crm) -> None:
    asked: list[None] = []

    def leaving() -> bool:
        asked.append(None)
        return len(asked) > 50  # it is not asked about the first hundred

    (fates,) = crm.deliver(part(ONE, *(consumer(ONE, i) for i in range(300))), leaving=leaving)
    assert {number for number, fate in fates.items() if isinstance(fate, Delivered)} == set(range(150))
    assert {fate.reason for fate in fates.values() if isinstance(fate, Postponed)} == {Reason.DRAINING}
    assert crm.contacts() == 150
