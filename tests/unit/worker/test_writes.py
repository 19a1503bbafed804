"""A refusal of a whole call that HubSpot words without naming an input: the emulator, like HubSpot today, names them where it can."""

from __future__ import annotations

from typing import Any, cast

import pytest

from simulation_core.reasons import Reason
from simulation_worker.crm.answers import Answer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.fates import Postponed, Rejected, Written
from simulation_worker.crm.inputs import Object
from simulation_worker.crm.judge import is_about_a_property
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.writes import BatchWriter

OBJECTS = [Object(f"00000000-0000-0000-0000-000000000001-{record}-c", {}) for record in range(100)]
GONE = [
    {"message": "Property values were not valid", "errors": [{"code": "PROPERTY_DOESNT_EXIST"}]},
    {"message": 'Property values were not valid: [{"error":"PROPERTY_DOESNT_EXIST","name":"tier"}]'},
    {"message": "Property 'simulation_key' is not a unique identifier property of companies"},
]
OTHER = [{"message": "Invalid input JSON"}, {"message": "One value is invalid", "errors": [{"code": "INVALID_OPTION"}]}, {}]


class Refusing:
    """A client whose every call is refused in the same words."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.answer = Answer(status=400, body=body)
        self.calls = 0

    def post(self, _path: str, _body: object) -> Answer:
        self.calls += 1
        return self.answer


@pytest.mark.parametrize("body", GONE)
def test_a_property_that_is_gone_is_every_records_trouble_and_not_looked_for(body: dict[str, Any]) -> None:
    client = Refusing(body)
    fates = BatchWriter(cast(CrmClient, client), Quarantine(lambda calls: calls)).upsert("companies", OBJECTS)
    assert client.calls == 1
    assert {type(fate) for fate in fates.values()} == {Rejected}
    assert len(fates) == len(OBJECTS)


@pytest.mark.parametrize("body", OTHER)
def test_any_other_refusal_is_about_one_record_until_it_is_found(body: dict[str, Any]) -> None:
    client = Refusing(body)
    assert not is_about_a_property(client.answer.body)
    fates = BatchWriter(cast(CrmClient, client), Quarantine(lambda calls: calls)).upsert("companies", OBJECTS)
    assert client.calls == 2 * len(OBJECTS) - 1
    assert len(fates) == len(OBJECTS)


class Stumbling:
    """A HubSpot that answers so to each call in which one of `bad` is; `down`: to all."""

    def __init__(self, *bad: str, status: int = 500) -> None:
        self.bad = frozenset(bad)
        self.status = status
        self.down = False
        self.calls = 0

    def post(self, _path: str, body: Any) -> Answer:
        self.calls += 1
        keys = [each["id"] for each in body["inputs"]]
        if self.down or self.bad.intersection(keys):
            return Answer(status=self.status, body={"message": "internal error"})
        return Answer(status=200, body={"results": [{"id": "1", "objectWriteTraceId": key} for key in keys]})


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


def upserted(client: Stumbling, quarantine: Quarantine, objects: list[Object]) -> dict[str, Any]:
    return dict(BatchWriter(cast(CrmClient, client), quarantine).upsert("companies", objects))


def counted(fates: dict[str, Any]) -> set[str]:
    return {key for key, fate in fates.items() if isinstance(fate, Postponed) and fate.counts_as_try}


def written(fates: dict[str, Any]) -> int:
    return sum(isinstance(fate, Written) for fate in fates.values())


@pytest.mark.parametrize("places", [(0,), (57,), (99,), (3, 80)])
def test_a_record_hubspot_stumbles_over_is_found_and_costs_the_others_nothing(places: tuple[int, ...]) -> None:
    bad = {OBJECTS[place].key for place in places}
    fates: dict[str, Any] = {}
    quarantine, client = Quarantine(lambda calls: calls, clock=Clock()), Stumbling(*bad)
    while counted(fates) != bad:  # the two that are tried may be those: then it looks like an outage, once
        fates = upserted(client, quarantine, OBJECTS)
        assert counted(fates) <= bad
    assert written(fates) == len(OBJECTS) - len(bad)


def test_an_outage_answered_with_500s_costs_no_try_and_few_calls() -> None:
    quarantine, client = Quarantine(lambda calls: calls, clock=Clock()), Stumbling()
    upserted(client, quarantine, OBJECTS)
    client.down, client.calls = True, 0
    several = [Object(f"00000000-0000-0000-0000-{run:012}-{record}-c", {}) for run in range(20) for record in range(20)]
    for _ in range(10):
        fates = upserted(client, quarantine, several)
        assert {(fate.reason, fate.counts_as_try) for fate in fates.values()} == {(Reason.PORTAL_UNAVAILABLE, False)}
    assert client.calls == 30
    client.down = False
    assert written(upserted(client, quarantine, several)) == len(several)


def test_a_single_record_is_to_blame_once_others_were_written_after_it() -> None:
    quarantine, bad = Quarantine(lambda calls: calls, clock=Clock()), OBJECTS[7]
    client = Stumbling(bad.key)
    upserted(client, quarantine, OBJECTS[8:9])
    assert counted(upserted(client, quarantine, [bad])) == set()
    assert counted(upserted(client, quarantine, [bad])) == set()
    upserted(client, quarantine, OBJECTS[9:10])
    assert counted(upserted(client, quarantine, [bad])) == {bad.key}


def test_a_run_all_of_whose_records_make_hubspot_stumble_ends_while_others_are_written() -> None:
    keys = [each.key for each in OBJECTS]
    quarantine, client = Quarantine(lambda calls: calls, clock=Clock()), Stumbling(*keys)
    assert counted(upserted(client, quarantine, OBJECTS)) == set()
    upserted(client, quarantine, [Object("00000000-0000-0000-0000-000000000002-1-c", {})])
    assert counted(upserted(client, quarantine, OBJECTS)) == set(keys)


def test_without_calls_for_finding_out_nothing_is_held_against_a_record() -> None:
    quarantine, client = Quarantine(lambda _: 0), Stumbling(OBJECTS[5].key)
    assert counted(upserted(client, quarantine, OBJECTS)) == set()


def test_of_a_hundred_runs_in_a_call_the_one_that_spoils_it_is_found_and_all_others_are_written_at_once() -> None:
    several = [Object(f"00000000-0000-0000-0000-{run:012}-1-c", {}) for run in range(100)]
    client = Stumbling(several[93].key, status=400)
    fates = upserted(client, Quarantine(lambda calls: calls), several)
    assert written(fates) == 99
    assert client.calls <= 15
