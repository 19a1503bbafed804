"""The rules of one object type, without a server."""

from __future__ import annotations

import itertools

import pytest

from simulation_sandbox.hubspot.answers import ApiError
from simulation_sandbox.hubspot.batches import prepare_create, prepare_upsert, write
from simulation_sandbox.hubspot.behaviour import Behaviour
from simulation_sandbox.hubspot.faults import FaultKind, Faults
from simulation_sandbox.hubspot.object_types import ASSOCIATION_TYPES, OBJECT_TYPES
from simulation_sandbox.hubspot.pipelines import Pipelines
from simulation_sandbox.hubspot.properties import Properties, as_text
from simulation_sandbox.hubspot.records import Records
from simulation_sandbox.hubspot.traffic import Traffic


def records(name: str = "contacts") -> Records:
    kind = OBJECT_TYPES[name]
    properties = Properties(kind)
    wanted = {"name": "simulation_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": kind.standard.group}
    properties.create(wanted | {"hasUniqueValue": True})
    return Records(kind, properties, itertools.count(1), Pipelines(name), Behaviour())


@pytest.mark.parametrize(("given", "kept"), [(None, ""), (True, "true"), (5, "5"), (2.5, "2.5"), ("a", "a")])
def test_every_value_is_kept_as_text(given: object, kept: str) -> None:
    assert as_text(given) == kept


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ApiError) as refused:
        records().properties.checked({"emial": "a@b.example", "annualrevenue": "much", "createdate": "1"})
    assert [each["code"] for each in refused.value.more["errors"]] == ["PROPERTY_DOESNT_EXIST", "INVALID_INTEGER", "READ_ONLY_VALUE"]


@pytest.mark.parametrize("value", ["2026-12-01", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00.000+01:00", "1764576000000"])
def test_dates_come_in_each_form_hubspot_takes(value: str) -> None:
    assert records("deals").properties.checked({"closedate": value}) == {"closedate": value}


@pytest.mark.parametrize("value", ["nan", "inf", "1,000", "one"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ApiError):
        records("deals").properties.checked({"amount": value})


def test_a_renamed_key_is_found_by_its_new_name_only() -> None:
    kept = records()
    one = kept.create({"simulation_key": "old", "email": "a@b.example"}, 1)
    kept.update(one, {"simulation_key": "new"}, 2)
    assert kept.find("old", "simulation_key") is None
    assert kept.find("new", "simulation_key") is one


def test_nothing_is_written_when_a_later_input_is_bad() -> None:
    kept = records()
    inputs = [{"properties": {"email": "a@b.example"}}, {"properties": {"city": "Kiel"}}]
    with pytest.raises(ApiError):
        write(kept, inputs, prepare_create, lambda record, wanted: None)
    assert not kept.live


def test_two_inputs_of_a_batch_with_one_unique_value_fail_the_second_alone_if_traced() -> None:
    kept = records()
    inputs = [
        {"id": key, "idProperty": "simulation_key", "objectWriteTraceId": key, "properties": {"simulation_key": "same", "firstname": "A"}}
        for key in ("k-1", "k-2")
    ]
    written, errors = write(kept, inputs, prepare_upsert, lambda record, wanted: None)
    assert [each.trace_id for each in written] == ["k-1"]
    assert errors[0]["context"]["objectWriteTraceId"] == ["k-2"]


def test_the_order_of_results_is_the_same_each_time() -> None:
    def order() -> list[str | None]:
        inputs = [{"objectWriteTraceId": str(n), "properties": {"firstname": str(n)}} for n in range(20)]
        return [each.trace_id for each in write(records(), inputs, prepare_create, lambda record, wanted: None)[0]]

    assert order() == order()


def test_each_association_type_has_its_inverse() -> None:
    assert {280, 279, 1, 2, 3, 4, 341, 342, 5, 6} == set(ASSOCIATION_TYPES)
    for kind in ASSOCIATION_TYPES.values():
        inverse = ASSOCIATION_TYPES[kind.inverse_id]
        assert (inverse.from_type, inverse.to_type, inverse.inverse_id) == (kind.to_type, kind.from_type, kind.type_id)


def test_at_most_one_fault_besides_latency_befalls_a_call() -> None:
    faults = Faults()
    for kind in ("latency", "status", "reset"):
        faults.add({"kind": kind, "match": "upsert"})
    assert [fault.kind for fault in faults.take("POST /a/upsert")] == [FaultKind.LATENCY, FaultKind.STATUS]
    assert [fault.kind for fault in faults.take("POST /a/upsert")] == [FaultKind.RESET]
    assert faults.take("POST /a/upsert") == []


def test_traffic_forgets_old_calls_and_seconds() -> None:
    now = [1000.0]
    traffic = Traffic(clock=lambda: now[0])
    traffic.called("POST", "/a", 200, 7)
    traffic.called("POST", "/a", 429, 0)
    assert traffic.last_ten_seconds() == 1
    now[0] += 1
    assert traffic.records_per_second()[-1] == 7
    now[0] += 200
    assert traffic.last_ten_seconds() == 0
    assert sum(traffic.records_per_second()) == 0
    assert traffic.total == 2
