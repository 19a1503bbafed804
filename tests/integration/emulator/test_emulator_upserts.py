"""Batch upserts, as the real SDK sends them and, where it would not, by hand."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.objects import (
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchResponseSimplePublicUpsertObject,
    BatchResponseSimplePublicUpsertObjectWithErrors,
    SimplePublicObjectBatchInputUpsert,
)
from hubspot.crm.objects.exceptions import ApiException

from simulation_core.clock import to_ms

COMPANIES = "/crm/v3/objects/companies/batch/upsert"
CONTACTS = "/crm/v3/objects/contacts/batch/upsert"


def given(key: str, trace_id: str | None = None, **properties: str) -> SimplePublicObjectBatchInputUpsert:
    return SimplePublicObjectBatchInputUpsert(id=key, id_property="simulation_key", object_write_trace_id=trace_id, properties=properties)


def batch(*inputs: SimplePublicObjectBatchInputUpsert) -> BatchInputSimplePublicObjectBatchInputUpsert:
    return BatchInputSimplePublicObjectBatchInputUpsert(inputs=list(inputs))


def raw(*inputs: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": [{"idProperty": "simulation_key"} | each for each in inputs]}


def company(key: str, **properties: str) -> dict[str, Any]:
    return {"id": key, "properties": {"name": f"Company {key}"} | properties}


def contact(key: str, email: str) -> dict[str, Any]:
    return {"id": key, "properties": {"email": email}}


def kept(http: httpx.Client, object_type: str = "companies") -> dict[str, dict[str, Any]]:
    found = http.get(f"/_emulator/objects/{object_type}").json()["results"]
    return {each["properties"].get("simulation_key", each["id"]): each for each in found}


def test_a_new_key_makes_a_record_and_the_same_key_again_changes_it(keyed: httpx.Client, sdk: HubSpot) -> None:
    api = sdk.crm.objects.batch_api
    first = api.upsert("companies", batch(given("k-1", name="Wind AG"), given("k-2", name="Sun AG")))
    again = api.upsert("companies", batch(given("k-1", name="Wind SE")))
    assert isinstance(first, BatchResponseSimplePublicUpsertObject)
    assert [each.new for each in first.results] == [True, True]
    assert [each.new for each in again.results] == [False]
    ids = {each.properties["simulation_key"]: each.id for each in first.results}
    assert again.results[0].id == ids["k-1"]
    assert isinstance(again.results[0].id, str)
    assert kept(keyed)["k-1"]["properties"]["name"] == "Wind SE"
    assert kept(keyed)["k-1"]["writes"] == 2


def test_a_record_is_stamped_with_the_millisecond_it_was_written(keyed: httpx.Client) -> None:
    before_ms = time.time_ns() // 1_000_000
    created = keyed.post(COMPANIES, json=raw(company("k-1"))).json()["results"][0]["createdAt"]
    after_ms = time.time_ns() // 1_000_000
    seen = kept(keyed)["k-1"]
    assert seen["createdAt"] == created
    assert before_ms <= to_ms(datetime.fromisoformat(created)) <= after_ms


def test_results_come_in_an_order_of_their_own(keyed: httpx.Client) -> None:
    asked = [f"k-{number}" for number in range(50)]
    results = keyed.post(COMPANIES, json=raw(*(company(key) for key in asked))).json()["results"]
    answered = [each["properties"]["simulation_key"] for each in results]
    assert answered != asked
    assert sorted(answered) == sorted(asked)


def test_a_hundred_inputs_are_the_most(keyed: httpx.Client, sdk: HubSpot) -> None:
    api = sdk.crm.objects.batch_api
    assert len(api.upsert("companies", batch(*(given(f"k-{n}", name="A") for n in range(100)))).results) == 100
    with pytest.raises(ApiException) as refused:
        api.upsert("companies", batch(*(given(f"m-{n}", name="A") for n in range(101))))
    assert refused.value.status == 400
    assert len(kept(keyed)) == 100


def test_the_same_id_twice_in_one_batch_is_refused(keyed: httpx.Client) -> None:
    answer = keyed.post(COMPANIES, json=raw(company("k-1"), company("k-1")))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert "k-1" in answer.json()["message"]
    assert not kept(keyed)


def test_one_bad_input_without_trace_ids_rejects_all(keyed: httpx.Client, sdk: HubSpot) -> None:
    with pytest.raises(ApiException) as refused:
        sdk.crm.objects.batch_api.upsert("companies", batch(given("k-1", name="A", trace_id="t-1"), given("k-2", nmae="B")))
    error = json.loads(refused.value.body)
    assert refused.value.status == 400
    assert error["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    assert "PROPERTY_DOESNT_EXIST" in error["message"]
    assert error["correlationId"]
    assert not kept(keyed)


def test_with_a_trace_id_on_each_input_only_the_bad_one_fails(keyed: httpx.Client, sdk: HubSpot) -> None:
    inputs = batch(given("k-1", "t-1", name="A"), given("k-2", "t-2", nmae="B"), given("k-3", "t-3", name="C"))
    answer = sdk.crm.objects.batch_api.upsert("companies", inputs)
    assert isinstance(answer, BatchResponseSimplePublicUpsertObjectWithErrors)
    assert answer.num_errors == 1
    assert answer.errors[0].context["objectWriteTraceId"] == ["t-2"]
    assert {each.object_write_trace_id for each in answer.results} == {"t-1", "t-3"}
    assert set(kept(keyed)) == {"k-1", "k-3"}


def test_two_inputs_of_one_trace_id_do_not_stand_for_themselves(keyed: httpx.Client) -> None:
    same = [company("k-1") | {"objectWriteTraceId": "t"}, company("k-2", nmae="B") | {"objectWriteTraceId": "t"}]
    assert keyed.post(COMPANIES, json=raw(*same)).status_code == 400
    assert not kept(keyed)


def test_an_email_that_another_contact_has_fails_the_whole_batch(keyed: httpx.Client) -> None:
    assert keyed.post(CONTACTS, json=raw(contact("k-1", "ada@one.example"))).status_code == 200
    traced = [contact("k-2", "ben@one.example"), contact("k-3", "ada@one.example")]
    answer = keyed.post(CONTACTS, json=raw(*(each | {"objectWriteTraceId": each["id"]} for each in traced)))
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert set(kept(keyed, "contacts")) == {"k-1"}


def test_two_new_contacts_of_one_batch_can_not_share_an_email(keyed: httpx.Client) -> None:
    assert keyed.post(CONTACTS, json=raw(contact("k-1", "a@one.example"), contact("k-2", "A@one.example"))).status_code == 409
    assert not kept(keyed, "contacts")


def test_emails_are_lowercased_and_matched_so(keyed: httpx.Client) -> None:
    first = keyed.post(CONTACTS, json=raw(contact("k-1", "Ada.Sommer@One.example"))).json()["results"][0]
    assert first["properties"]["email"] == "ada.sommer@one.example"
    by_email = {"id": "ADA.sommer@one.example", "idProperty": "email", "properties": {"firstname": "Ada"}}
    again = keyed.post(CONTACTS, json={"inputs": [by_email]}).json()["results"][0]
    assert (again["id"], again["new"]) == (first["id"], False)


def test_the_domain_of_a_company_is_not_unique_so_nothing_is_matched_by_it(keyed: httpx.Client) -> None:
    answer = keyed.post(COMPANIES, json={"inputs": [{"id": "a.example", "idProperty": "domain", "properties": {"name": "A"}}]})
    assert answer.status_code == 400
    assert "domain" in answer.json()["message"]


def test_a_unique_value_can_not_be_taken_over(keyed: httpx.Client) -> None:
    keyed.post(COMPANIES, json=raw(company("k-1"), company("k-2"))).raise_for_status()
    answer = keyed.post(COMPANIES, json=raw(company("k-2", simulation_key="k-1")))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


@pytest.mark.parametrize(
    ("object_type", "properties", "missing"),
    [
        ("companies", {"city": "Berlin"}, "name"),
        ("contacts", {"city": "Berlin"}, "email"),
        ("deals", {"dealname": "A", "pipeline": "default"}, "dealstage"),
    ],
)
def test_a_new_record_needs_its_required_properties(
    keyed: httpx.Client, object_type: str, properties: dict[str, str], missing: str
) -> None:
    answer = keyed.post(f"/crm/v3/objects/{object_type}/batch/upsert", json=raw({"id": "k-1", "properties": properties}))
    assert answer.status_code == 400
    assert missing in answer.json()["message"]


@pytest.mark.parametrize(
    ("object_type", "name", "value", "code"),
    [
        ("companies", "numberofemployees", "many", "INVALID_INTEGER"),
        ("companies", "industry", "Wind", "INVALID_OPTION"),
        ("contacts", "email", "nobody", "INVALID_EMAIL"),
        ("contacts", "createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("deals", "closedate", "soon", "INVALID_DATE"),
        ("deals", "dealstage", "almost", "INVALID_OPTION"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(keyed: httpx.Client, object_type: str, name: str, value: str, code: str) -> None:
    answer = keyed.post(f"/crm/v3/objects/{object_type}/batch/upsert", json=raw({"id": "k-1", "properties": {name: value}}))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


def test_the_lifecycle_stage_only_moves_forward(keyed: httpx.Client) -> None:
    for stage in ("customer", "lead"):
        keyed.post(COMPANIES, json=raw(company("k-1", lifecyclestage=stage))).raise_for_status()
    assert kept(keyed)["k-1"]["properties"]["lifecyclestage"] == "customer"


def test_what_is_no_json_is_refused(keyed: httpx.Client) -> None:
    assert keyed.post(COMPANIES, content=b"{").status_code == 400
    assert keyed.post(COMPANIES, json={"inputs": "x"}).status_code == 400
    assert keyed.post("/crm/v3/objects/unicorns/batch/upsert", json=raw(company("k-1"))).status_code == 400
    assert keyed.get("/crm/v3/nothing").status_code == 404
