"""A refusal of a whole call that HubSpot words without naming an input: the emulator, like HubSpot today, names them where it can."""

from __future__ import annotations

from typing import Any, cast

import pytest

from simulation_worker.crm.answers import Answer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.fates import Rejected
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
    fates = BatchWriter(cast(CrmClient, client), Quarantine(10_000)).upsert("companies", OBJECTS)
    assert client.calls == 1
    assert {type(fate) for fate in fates.values()} == {Rejected}
    assert len(fates) == len(OBJECTS)


@pytest.mark.parametrize("body", OTHER)
def test_any_other_refusal_is_about_one_record_until_it_is_found(body: dict[str, Any]) -> None:
    client = Refusing(body)
    assert not is_about_a_property(client.answer.body)
    fates = BatchWriter(cast(CrmClient, client), Quarantine(10_000)).upsert("companies", OBJECTS)
    assert client.calls == 2 * len(OBJECTS) - 1
    assert len(fates) == len(OBJECTS)
