"""Property definitions and groups, as a worker meets them when it prepares an account."""

from __future__ import annotations

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.properties import PropertyCreate, PropertyGroupCreate
from hubspot.crm.properties.exceptions import ApiException


def wanted(name: str, *, unique: bool = False, group: str = "companyinformation") -> PropertyCreate:
    return PropertyCreate(name=name, label=name, type="string", field_type="text", group_name=group, has_unique_value=unique)


def status_of(error: pytest.ExceptionInfo[ApiException]) -> int:
    return int(error.value.status)


def test_a_group_and_a_unique_property_are_made_once(sdk: HubSpot) -> None:
    properties = sdk.crm.properties
    properties.groups_api.create("companies", PropertyGroupCreate(name="simulation", label="Simulation"))
    made = properties.core_api.create("companies", wanted("simulation_key", unique=True, group="simulation"))
    assert made.has_unique_value
    assert properties.core_api.get_by_name("companies", "simulation_key").group_name == "simulation"
    with pytest.raises(ApiException) as again:
        properties.core_api.create("companies", wanted("simulation_key", unique=True, group="simulation"))
    assert status_of(again) == 409
    with pytest.raises(ApiException) as group_again:
        properties.groups_api.create("companies", PropertyGroupCreate(name="simulation", label="Simulation"))
    assert status_of(group_again) == 409


def test_ten_unique_properties_are_the_most_for_each_type(sdk: HubSpot) -> None:
    api = sdk.crm.properties.core_api
    for number in range(10):
        api.create("companies", wanted(f"key_{number}", unique=True))
    with pytest.raises(ApiException) as refused:
        api.create("companies", wanted("key_10", unique=True))
    assert status_of(refused) == 400
    api.create("companies", wanted("plain"))
    api.create("contacts", wanted("key_10", unique=True, group="contactinformation"))


@pytest.mark.parametrize("name", ["Key", "1key", "key-1", ""])
def test_a_bad_name_is_refused(http: httpx.Client, name: str) -> None:
    body = {"name": name, "label": "a", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    assert http.post("/crm/v3/properties/companies", json=body).status_code == 400


def test_a_property_needs_a_group_that_exists(sdk: HubSpot) -> None:
    with pytest.raises(ApiException) as refused:
        sdk.crm.properties.core_api.create("companies", wanted("a", group="nowhere"))
    assert status_of(refused) == 400


def test_an_unknown_property_is_not_found(sdk: HubSpot) -> None:
    with pytest.raises(ApiException) as missing:
        sdk.crm.properties.core_api.get_by_name("companies", "simulation_key")
    assert status_of(missing) == 404


def test_a_property_archived_in_mid_run_fails_the_next_upsert(keyed: httpx.Client, sdk: HubSpot) -> None:
    sdk.crm.properties.core_api.archive("companies", "simulation_key")
    body = {"inputs": [{"id": "k-1", "idProperty": "simulation_key", "properties": {"name": "A"}}]}
    answer = keyed.post("/crm/v3/objects/companies/batch/upsert", json=body)
    assert answer.status_code == 400
    assert "simulation_key" in answer.json()["message"]


def test_standard_properties_are_listed_and_stay_as_they_are(sdk: HubSpot, http: httpx.Client) -> None:
    listed = {each.name: each for each in sdk.crm.properties.core_api.get_all("contacts").results}
    assert listed["email"].has_unique_value
    assert listed["createdate"].modification_metadata.read_only_value
    assert http.delete("/crm/v3/properties/contacts/email").status_code == 400


def test_uniqueness_can_not_be_changed_later(keyed: httpx.Client) -> None:
    changed = keyed.patch("/crm/v3/properties/companies/simulation_id", json={"label": "Id", "description": "of the run"}).json()
    assert (changed["label"], changed["hasUniqueValue"]) == ("Id", False)


def test_a_group_with_properties_stays(keyed: httpx.Client) -> None:
    assert keyed.delete("/crm/v3/properties/companies/groups/simulation").status_code == 400
    keyed.post("/crm/v3/properties/companies/groups", json={"name": "empty", "label": "Empty"}).raise_for_status()
    assert keyed.patch("/crm/v3/properties/companies/groups/empty", json={"label": "Bare"}).json()["label"] == "Bare"
    assert keyed.delete("/crm/v3/properties/companies/groups/empty").status_code == 204
    assert keyed.get("/crm/v3/properties/companies/groups/empty").status_code == 404


def test_properties_are_made_and_read_in_batches(http: httpx.Client) -> None:
    given = {"label": "a", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    made = http.post("/crm/v3/properties/companies/batch/create", json={"inputs": [given | {"name": "one"}, given | {"name": "two"}]})
    assert made.status_code == 201
    asked = {"inputs": [{"name": "one"}], "archived": False, "dataSensitivity": "non_sensitive"}
    assert [each["name"] for each in http.post("/crm/v3/properties/companies/batch/read", json=asked).json()["results"]] == ["one"]


def test_in_a_batch_only_the_property_that_can_not_be_made_fails(http: httpx.Client) -> None:
    given = {"label": "a", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    answer = http.post("/crm/v3/properties/companies/batch/create", json={"inputs": [given | {"name": "one"}, given | {"name": "city"}]})
    assert answer.status_code == 207
    assert [each["name"] for each in answer.json()["results"]] == ["one"]
    assert answer.json()["errors"][0]["context"]["name"] == ["city"]
    asked = {"inputs": [{"name": "one"}, {"name": "two"}], "archived": False, "dataSensitivity": "non_sensitive"}
    assert http.post("/crm/v3/properties/companies/batch/read", json=asked).status_code == 207


def test_archived_properties_are_listed_apart(http: httpx.Client) -> None:
    given = {"name": "one", "label": "a", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    http.post("/crm/v3/properties/companies", json=given).raise_for_status()
    gone = http.post("/crm/v3/properties/companies/batch/archive", json={"inputs": [{"name": "one"}, {"name": "unknown"}]})
    assert gone.status_code == 204
    assert http.get("/crm/v3/properties/companies/one").status_code == 404
    assert http.get("/crm/v3/properties/companies/one", params={"archived": "true"}).json()["archived"]
    archived = http.get("/crm/v3/properties/companies", params={"archived": "true"}).json()["results"]
    assert [each["name"] for each in archived] == ["one"]


@pytest.mark.parametrize("wrong", [{"type": "text"}, {"fieldType": "string"}])
def test_a_property_of_no_known_kind_is_refused(http: httpx.Client, wrong: dict[str, str]) -> None:
    given = {"name": "one", "label": "a", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    assert http.post("/crm/v3/properties/companies", json=given | wrong).status_code == 400
