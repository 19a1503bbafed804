"""The dated paths: the same objects, and answers as their own documents have them."""

from __future__ import annotations

from typing import Any

import httpx

from references.hubspot_documents import Wire

OBJECTS, ASSOCIATIONS, PROPERTIES = "/crm/objects/2026-09", "/crm/associations/2026-09", "/crm/properties/2026-09"
TYPES = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]


def upsert(http: httpx.Client, object_type: str, *inputs: dict[str, Any]) -> httpx.Response:
    given = [{"idProperty": "simulation_key", "objectWriteTraceId": each["id"]} | each for each in inputs]
    return http.post(f"{OBJECTS}/{object_type}/batch/upsert", json={"inputs": given})


def test_a_batch_that_failed_in_part_says_so_in_its_body_alone(keyed: httpx.Client) -> None:
    answer = upsert(keyed, "companies", {"id": "k-1", "properties": {"name": "A"}}, {"id": "k-2", "properties": {"nmae": "B"}})
    assert answer.status_code == 200
    assert answer.json()["numErrors"] == 1
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["k-2"]
    assert (
        keyed.get("/crm/v3/objects/companies/k-1", params={"idProperty": "simulation_key"}).json()["id"]
        == answer.json()["results"][0]["id"]
    )


def test_associations_made_and_removed_answer_200(keyed: httpx.Client) -> None:
    (contact,) = upsert(keyed, "contacts", {"id": "p-1", "properties": {"email": "a@b.example"}}).json()["results"]
    (company,) = upsert(keyed, "companies", {"id": "k-1", "properties": {"name": "A"}}).json()["results"]
    pair = {"from": {"id": contact["id"]}, "to": {"id": company["id"]}}
    base = f"{ASSOCIATIONS}/contacts/companies/batch"
    assert keyed.post(f"{base}/create", json={"inputs": [pair | {"types": TYPES}]}).status_code == 200
    gone = keyed.post(f"{base}/create", json={"inputs": [pair | {"to": {"id": "9"}, "types": TYPES}]})
    assert (gone.status_code, gone.json()["errors"][0]["context"]) == (200, {"toObjectId": ["9"]})
    read = keyed.post(f"{base}/read", json={"inputs": [{"id": contact["id"]}]})
    assert [each["toObjectId"] for each in read.json()["results"][0]["to"]] == [company["id"]]
    removed = keyed.post(f"{base}/archive", json={"inputs": [pair | {"to": [pair["to"]]}]})
    assert (removed.status_code, removed.json()["results"]) == (200, [])
    assert keyed.get("/_emulator/associations", params={"from": "contacts", "to": "companies"}).json()["total"] == 0


def test_the_account_is_prepared_the_same_way(http: httpx.Client) -> None:
    assert http.get("/account-info/2026-09/details").json()["portalId"] == 424242
    assert http.get("/account-info/2026-09/api-usage/daily/private-apps").json()["results"][0]["currentUsage"] == 2
    group = {"name": "simulation", "label": "S", "displayOrder": -1}
    assert http.post(f"{PROPERTIES}/companies/groups", json=group).status_code == 201
    wanted = {"name": "simulation_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "simulation"}
    assert http.post(f"{PROPERTIES}/companies", json=wanted | {"hasUniqueValue": True}).status_code == 201
    assert "simulation_key" in [each["name"] for each in http.get(f"{PROPERTIES}/companies").json()["results"]]
    batch = http.post(f"{PROPERTIES}/companies/batch/create", json={"inputs": [wanted, wanted | {"name": "simulation_id"}]})
    assert (batch.status_code, batch.json()["numErrors"]) == (200, 1)


def test_owners_pipelines_and_search_are_the_same(keyed: httpx.Client, wire: Wire) -> None:
    assert len(keyed.get("/crm/owners/2026-09").json()["results"]) == 3
    assert keyed.get("/crm/owners/2026-09/71000002").json()["firstName"] == "Ben"
    assert keyed.get("/crm/pipelines/2026-09/deals/default").json()["label"] == "Sales Pipeline"
    asked = {"filterGroups": [], "sorts": [], "properties": [], "limit": 10, "after": "0"}
    assert keyed.post(f"{OBJECTS}/deals/search", json=asked).json()["total"] == 0
    assert ("POST", "/crm/objects/2026-09/{objectType}/search") in wire.documented
