"""What HubSpot does by itself, and what becomes of objects that are merged, archived, brought back or deleted for ever."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.companies import PublicMergeInput
from hubspot.crm.contacts import PublicGdprDeleteInput

CONTACTS = "/crm/v3/objects/contacts/batch/upsert"


def made(http: httpx.Client, object_type: str, **properties: str) -> str:
    answer = http.post(f"/crm/v3/objects/{object_type}", json={"properties": properties, "associations": []})
    return str(answer.raise_for_status().json()["id"])


def objects(http: httpx.Client, object_type: str, **asked: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = http.get(f"/_emulator/objects/{object_type}", params=asked).json()["results"]
    return results


def joined(http: httpx.Client) -> list[tuple[str, str, list[int]]]:
    found = http.get("/_emulator/associations", params={"from": "contacts", "to": "companies"}).json()["results"]
    return [(each["from"], each["to"], each["typeIds"]) for each in found]


def contact(key: str, email: str) -> dict[str, Any]:
    return {"id": key, "idProperty": "simulation_key", "properties": {"email": email}}


def test_companies_are_made_from_the_domains_of_contacts_where_the_account_is_set_so(keyed: httpx.Client) -> None:
    keyed.post("/_emulator/behaviour", json={"companiesFromDomains": True}).raise_for_status()
    there = made(keyed, "companies", name="Wind AG", domain="wind.example")
    inputs = [
        contact("k-1", "a@wind.example"),
        contact("k-2", "b@sun.example"),
        contact("k-3", "c@sun.example"),
        contact("k-4", "d@gmail.com"),
    ]
    ids = {each["properties"]["simulation_key"]: each["id"] for each in keyed.post(CONTACTS, json={"inputs": inputs}).json()["results"]}
    companies = {each["id"]: each["properties"]["domain"] for each in objects(keyed, "companies")}
    assert sorted(companies.values()) == ["sun.example", "wind.example"]
    of_sun = next(each for each, domain in companies.items() if domain == "sun.example")
    assert sorted(joined(keyed)) == sorted(
        (ids[key], company, [1, 279]) for key, company in (("k-1", there), ("k-2", of_sun), ("k-3", of_sun))
    )
    keyed.post(CONTACTS, json={"inputs": inputs}).raise_for_status()  # they are no new contacts any more
    assert len(objects(keyed, "companies")) == 2


def test_normally_no_company_is_made(keyed: httpx.Client) -> None:
    keyed.post(CONTACTS, json={"inputs": [contact("k-1", "a@wind.example")]}).raise_for_status()
    assert objects(keyed, "companies") == []


def test_a_behaviour_that_does_not_exist_is_refused(http: httpx.Client) -> None:
    assert http.post("/_emulator/behaviour", json={"mood": "bad"}).status_code == 400
    assert http.post("/_emulator/behaviour", json={"searchLagMilliseconds": "long"}).status_code == 400
    assert http.get("/_emulator/behaviour").json() == {"searchLagMilliseconds": 1000, "companiesFromDomains": False}


@pytest.mark.parametrize("version", ["/crm/v3/objects", "/crm/objects/2026-09"])
def test_what_is_archived_can_be_read_and_brought_back(keyed: httpx.Client, version: str) -> None:
    gone = made(keyed, "companies", name="Wind AG", simulation_key="k-1")
    assert keyed.post(f"{version}/companies/batch/archive", json={"inputs": [{"id": gone}]}).status_code == 204
    assert keyed.get(f"{version}/companies/{gone}").status_code == 404
    archived = keyed.get(f"{version}/companies/{gone}", params={"archived": "true"}).json()
    assert archived["archived"]
    asked = {"inputs": [{"id": "k-1"}], "idProperty": "simulation_key", "properties": [], "propertiesWithHistory": []}
    assert [each["id"] for each in keyed.post(f"{version}/companies/batch/read?archived=true", json=asked).json()["results"]] == [gone]
    keyed.post("/_emulator/restore/companies", json={"ids": [gone]}).raise_for_status()
    assert keyed.get(f"{version}/companies/{gone}").json()["id"] == gone
    again = {"inputs": [{"id": "k-1", "idProperty": "simulation_key", "properties": {"name": "Wind SE"}}]}
    assert keyed.post(f"{version}/companies/batch/upsert", json=again).json()["results"][0]["id"] == gone


def test_what_was_replaced_meanwhile_can_not_come_back(keyed: httpx.Client) -> None:
    gone = made(keyed, "companies", name="Wind AG", simulation_key="k-1")
    keyed.delete(f"/crm/v3/objects/companies/{gone}").raise_for_status()
    made(keyed, "companies", name="Wind AG", simulation_key="k-1")
    assert keyed.post("/_emulator/restore/companies", json={"ids": [gone]}).status_code == 400


def test_two_companies_become_one(keyed: httpx.Client, sdk: HubSpot) -> None:
    kept = made(keyed, "companies", name="Wind AG", simulation_key="k-1")
    gone = made(keyed, "companies", name="Wind", city="Kiel", simulation_key="k-2")
    person = made(keyed, "contacts", email="a@wind.example")
    keyed.put(f"/crm/v4/objects/contacts/{person}/associations/default/companies/{gone}").raise_for_status()
    merged = sdk.crm.companies.basic_api.merge(PublicMergeInput(primary_object_id=kept, object_id_to_merge=gone))
    assert (merged.id, merged.properties["name"], merged.properties["city"]) == (kept, "Wind AG", "Kiel")
    assert joined(keyed) == [(person, kept, [279])]
    assert [each["id"] for each in objects(keyed, "companies", archived="true")] == [gone]


def test_a_contact_deleted_for_ever_can_not_be_made_again(keyed: httpx.Client, sdk: HubSpot) -> None:
    made(keyed, "contacts", email="a@wind.example")
    sdk.crm.contacts.basic_api.purge(PublicGdprDeleteInput(id_property="email", object_id="a@wind.example"))
    assert objects(keyed, "contacts") == objects(keyed, "contacts", archived="true") == []
    assert keyed.post(CONTACTS, json={"inputs": [contact("k-1", "a@wind.example")]}).status_code == 400
