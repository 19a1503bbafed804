"""Bad records and what a portal lost look alike. The portal is read before any of them fails, and not anew for each load with a bad one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import pytest

from simulation_core.content.values import Contact, Record
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_worker.acquittals import GOOD_FOR_SECONDS
from simulation_worker.admission import Admission
from simulation_worker.crm.answers import Answer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import Part
from simulation_worker.crm.fates import Delivered, Postponed, RecordFate, Rejected
from simulation_worker.crm.properties import Marks
from simulation_worker.crm.wants import Wants

OWNER, OTHERS_OWNER = "71000001", "71000002"
LOAD = 10  # records
BAD_EMAIL = "Email address {key}@x.example is invalid"
BAD_PHONE = "Phone {key} is no number"
NO_OWNER = f"Owner {OWNER} does not exist"


class HubSpot:
    """A client of an account that refuses some of each call's records, by their place in it."""

    def __init__(self) -> None:
        self.owners = {OWNER, OTHERS_OWNER}
        self.refuses: Mapping[int, str] = {}
        self.refuses_calls = False  # as a whole: those with a load's first record
        self.readings = 0

    def get(self, path: str) -> Answer:
        self.readings += 1
        assert path.startswith(("/crm/v3/owners", "/crm/v3/properties"))
        if "properties" in path:
            return Answer(status=200, body={"results": [{"name": name, "hasUniqueValue": True} for name in OUR_PROPERTIES]})
        return Answer(status=200, body={"results": [{"id": owner} for owner in sorted(self.owners)]})

    def post(self, _path: str, body: Mapping[str, Any]) -> Answer:
        keys = [each["objectWriteTraceId"] for each in body["inputs"]]
        if self.refuses_calls and any(int(key.split("-")[-2]) % LOAD == 0 for key in keys):
            return Answer(status=400, body={"message": "Invalid input JSON"})
        errors = [
            {"category": "VALIDATION_ERROR", "message": words.format(key=keys[place]), "context": {"objectWriteTraceId": [keys[place]]}}
            for place, words in self.refuses.items()
        ]
        results = [
            {"id": str(place), "objectWriteTraceId": key, "properties": {}} for place, key in enumerate(keys) if place not in self.refuses
        ]
        return Answer(status=207, body={"results": results, "errors": errors})


OUR_PROPERTIES = ("simulation_key", "simulation_id", "simulation_name")


class Deliveries:
    def __init__(self) -> None:
        self.hubspot = HubSpot()
        self.now_s = 1_000.0
        self._begun = 0
        portal = Portal(name="default", allowed_namespaces=("*",))
        self._admission = Admission(portal, lambda *_: None, lambda calls: calls, clock=lambda: self.now_s)

    def load(self, refuses: Mapping[int, str], *, run: int = 1, owner: str | None = OWNER, records: int = LOAD) -> Sequence[RecordFate]:
        """A tenth of a second after the one before."""
        self.now_s += 0.1
        self.hubspot.refuses = refuses
        numbers = range(self._begun, self._begun + records)
        self._begun += records
        wants = Wants(owner_ids=frozenset({owner} if owner else ()))
        part = Part(Marks(UUID(int=run), "team-a", "spring"), [record(run, number) for number in numbers], wants)
        (fates,) = self._admission.deliver(cast(CrmClient, self.hubspot), [part], lambda: False)
        return [fates[number] for number in numbers]


def record(run: int, number: int) -> Record:
    key = f"{UUID(int=run)}-{number}-p0"
    person = Contact(key=key, first_name="A", last_name="B", email=f"{key}@x.example", phone="", city="", job_title=None, company_name=None)
    return Record(number=number, company=None, contacts=(person,))


def waits(fate: RecordFate) -> bool:
    return isinstance(fate, Postponed) and fate.reason is Reason.NOT_IN_PORTAL and not fate.counts_as_try


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


def test_a_run_with_a_bad_record_in_each_load_has_the_portal_read_once_in_five_seconds(deliveries: Deliveries) -> None:
    fates = [deliveries.load({number % LOAD: BAD_EMAIL}) for number in range(200)]  # in 20 seconds
    assert {type(fate) for of_load in fates for fate in of_load} == {Delivered, Rejected}
    assert deliveries.hubspot.readings <= 1 + 20 / GOOD_FOR_SECONDS


def test_what_is_lost_meanwhile_and_refused_in_other_words_waits(deliveries: Deliveries) -> None:
    deliveries.load({0: BAD_EMAIL})
    deliveries.hubspot.owners.remove(OWNER)
    fates = deliveries.load({3: BAD_EMAIL, 4: NO_OWNER})
    assert waits(fates[4])
    assert waits(fates[3])  # nobody knows which of them the portal is to blame for
    assert isinstance(fates[0], Delivered)


def test_what_is_judged_by_was_read_after_each_of_a_loads_refusals_was_first_met(deliveries: Deliveries) -> None:
    deliveries.load({0: BAD_EMAIL})
    deliveries.hubspot.owners.remove(OWNER)
    deliveries.load({0: BAD_PHONE}, run=2, owner=None)  # it wants nothing of the portal, so nothing is read
    fates = deliveries.load({0: BAD_EMAIL, 1: BAD_PHONE})
    assert waits(fates[0])
    assert waits(fates[1])


def test_after_five_seconds_the_same_words_are_judged_anew(deliveries: Deliveries) -> None:
    deliveries.load({0: BAD_EMAIL})
    deliveries.hubspot.owners.remove(OWNER)
    deliveries.now_s += GOOD_FOR_SECONDS
    assert waits(deliveries.load({0: BAD_EMAIL})[0])


@pytest.mark.parametrize("lost_since", [True, False])
def test_another_runs_wants_are_judged_by_the_same_reading(deliveries: Deliveries, lost_since: bool) -> None:
    """One in which they are lacking acquits nobody."""
    deliveries.load({}, run=2, owner=OTHERS_OWNER)
    if lost_since:
        deliveries.hubspot.owners.remove(OTHERS_OWNER)
    deliveries.load({0: BAD_EMAIL})
    readings = deliveries.hubspot.readings
    fates = deliveries.load({0: BAD_EMAIL}, run=2, owner=OTHERS_OWNER)
    assert waits(fates[0]) is lost_since
    assert (deliveries.hubspot.readings > readings) is lost_since


def test_where_all_of_a_batch_are_refused_the_portal_is_read_however_recently_it_was(deliveries: Deliveries) -> None:
    deliveries.load({0: BAD_EMAIL})
    deliveries.hubspot.owners.remove(OWNER)
    assert waits(deliveries.load({0: BAD_EMAIL}, records=1)[0])


def test_and_where_the_whole_call_was(deliveries: Deliveries) -> None:
    deliveries.hubspot.refuses_calls = True
    assert [type(fate) for fate in deliveries.load({})] == [Rejected] + [Delivered] * (LOAD - 1)
    deliveries.hubspot.owners.remove(OWNER)
    assert [waits(fate) for fate in deliveries.load({})] == [True] + [False] * (LOAD - 1)
