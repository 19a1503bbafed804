"""Associations v4: types, directions, repetition, and failures that name their input."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
)
from hubspot.crm.associations.v4.exceptions import ApiException


def made(http: httpx.Client, object_type: str, **properties: str) -> str:
    answer = http.post(f"/crm/v3/objects/{object_type}", json={"properties": properties, "associations": []})
    return str(answer.raise_for_status().json()["id"])


def link(from_id: str, to_id: str, *type_ids: int) -> PublicAssociationMultiPost:
    types = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=each) for each in type_ids]
    return PublicAssociationMultiPost(_from={"id": from_id}, to={"id": to_id}, types=types)


def join(sdk: HubSpot, one: str, other: str, *links: PublicAssociationMultiPost) -> Any:
    return sdk.crm.associations.v4.batch_api.create(one, other, BatchInputPublicAssociationMultiPost(inputs=list(links)))


@pytest.fixture
def pair(http: httpx.Client) -> tuple[str, str]:
    return made(http, "companies", name="Wind AG"), made(http, "contacts", email="a@one.example")


def seen(http: httpx.Client, one: str, other: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = http.get("/_emulator/associations", params={"from": one, "to": other}).json()["results"]
    return results


@pytest.mark.parametrize(
    ("one", "other", "there", "back"),
    [
        ("companies", "contacts", 280, 279),
        ("companies", "contacts", 2, 1),
        ("contacts", "companies", 279, 280),
        ("contacts", "deals", 4, 3),
        ("deals", "contacts", 3, 4),
        ("deals", "companies", 341, 342),
        ("deals", "companies", 5, 6),
        ("companies", "deals", 342, 341),
    ],
)
def test_an_association_appears_on_both_sides(http: httpx.Client, sdk: HubSpot, one: str, other: str, there: int, back: int) -> None:
    needs = {"companies": {"name": "A"}, "contacts": {"email": "a@b.example"}}
    needs["deals"] = {"dealname": "D", "dealstage": "closedwon", "pipeline": "default"}
    from_id, to_id = made(http, one, **needs[one]), made(http, other, **needs[other])
    answer = join(sdk, one, other, link(from_id, to_id, there))
    assert (answer.results[0].from_object_id, answer.results[0].to_object_id) == (from_id, to_id)
    assert seen(http, one, other) == [{"from": from_id, "to": to_id, "typeIds": [there]}]
    assert seen(http, other, one) == [{"from": to_id, "to": from_id, "typeIds": [back]}]


def test_repeating_an_association_changes_nothing(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    for _ in range(2):
        join(sdk, "companies", "contacts", link(*pair, 280))
    join(sdk, "companies", "contacts", link(*pair, 2))
    assert seen(http, "companies", "contacts") == [{"from": pair[0], "to": pair[1], "typeIds": [2, 280]}]


def test_a_type_of_the_wrong_direction_is_refused(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    with pytest.raises(ApiException) as refused:
        join(sdk, "companies", "contacts", link(*pair, 279))
    assert refused.value.status == 400
    assert not seen(http, "companies", "contacts")


def test_an_object_that_is_not_there_fails_only_its_own_input(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    answer = join(sdk, "companies", "contacts", link(*pair, 280), link(pair[0], "999", 280))
    assert answer.num_errors == 1
    assert answer.errors[0].context == {"toObjectId": ["999"]}
    assert len(answer.results) == len(seen(http, "companies", "contacts")) == 1


def test_two_thousand_inputs_are_the_most(http: httpx.Client, pair: tuple[str, str]) -> None:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}]
    one = {"from": {"id": pair[0]}, "to": {"id": pair[1]}, "types": types}
    path = "/crm/v4/associations/companies/contacts/batch/create"
    assert http.post(path, json={"inputs": [one] * 2000}).status_code == 201
    assert http.post(path, json={"inputs": [one] * 2001}).status_code == 400


def test_associations_are_read_and_what_has_none_is_named(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    lonely = made(http, "companies", name="Sun AG")
    join(sdk, "companies", "contacts", link(*pair, 280, 2))
    asked = [PublicFetchAssociationsBatchRequest(id=each) for each in (pair[0], lonely)]
    found = sdk.crm.associations.v4.batch_api.get_page("companies", "contacts", BatchInputPublicFetchAssociationsBatchRequest(inputs=asked))
    assert [(each.to_object_id, [t.type_id for t in each.association_types]) for each in found.results[0].to] == [(pair[1], [2, 280])]
    assert found.errors[0].context == {"fromObjectId": [lonely]}


def test_labels_name_the_types_of_a_pair(http: httpx.Client) -> None:
    labels = http.get("/crm/v4/associations/companies/contacts/labels").json()["results"]
    assert {(each["typeId"], each.get("label")) for each in labels} == {(280, None), (2, "Primary")}


def test_an_archived_object_takes_its_associations_with_it(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    join(sdk, "companies", "contacts", link(*pair, 280))
    http.delete(f"/crm/v3/objects/contacts/{pair[1]}").raise_for_status()
    assert not seen(http, "companies", "contacts")


def test_associations_can_be_undone(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    join(sdk, "companies", "contacts", link(*pair, 280))
    body = {"inputs": [{"from": {"id": pair[0]}, "to": [{"id": pair[1]}]}]}
    assert http.post("/crm/v4/associations/companies/contacts/batch/archive", json=body).status_code == 204
    assert not seen(http, "contacts", "companies")


def test_one_pair_is_joined_listed_and_parted(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    api, (company, contact) = sdk.crm.associations.v4.basic_api, pair
    joined = api.create("companies", company, "contacts", contact, [AssociationSpec("HUBSPOT_DEFINED", 2)])
    assert (joined.from_object_id, joined.to_object_id, joined.labels) == (company, contact, ["Primary"])
    default = api.create_default("contacts", contact, "companies", company)
    assert [each.association_spec.association_type_id for each in default.results] == [279, 280]
    assert seen(http, "companies", "contacts") == [{"from": company, "to": contact, "typeIds": [2, 280]}]
    other = made(http, "contacts", email="b@one.example")
    api.create_default("companies", company, "contacts", other)
    first = api.get_page("companies", company, "contacts", limit=1)
    rest = api.get_page("companies", company, "contacts", limit=1, after=first.paging.next.after)
    assert [each.to_object_id for each in (*first.results, *rest.results)] == [contact, other]
    assert rest.paging is None
    api.archive("companies", company, "contacts", contact)
    assert [each["to"] for each in seen(http, "companies", "contacts")] == [other]


def test_what_is_not_there_can_not_be_joined(http: httpx.Client, pair: tuple[str, str]) -> None:
    path = f"/crm/v4/objects/companies/{pair[0]}/associations"
    assert http.put(f"{path}/default/contacts/999").status_code == 404
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}]
    assert http.put(f"{path}/contacts/999", json=spec).status_code == 404
    assert http.put(f"{path}/contacts/{pair[1]}", json=[]).status_code == 400
    assert http.get(f"{path}/contacts", params={"limit": 501}).status_code == 400


def test_pairs_are_joined_without_a_label_in_a_batch(http: httpx.Client, pair: tuple[str, str]) -> None:
    inputs = [{"from": {"id": pair[0]}, "to": {"id": to_id}} for to_id in (pair[1], "999")]
    answer = http.post("/crm/v4/associations/companies/contacts/batch/associate/default", json={"inputs": inputs})
    assert (answer.status_code, answer.json()["numErrors"]) == (200, 1)
    assert [each["typeIds"] for each in seen(http, "companies", "contacts")] == [[280]]


def test_a_label_can_be_removed_and_the_rest_stays(http: httpx.Client, sdk: HubSpot, pair: tuple[str, str]) -> None:
    join(sdk, "companies", "contacts", link(*pair, 280, 2))
    for type_id, left in ((2, [[280]]), (280, [])):
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
        body = {"inputs": [{"from": {"id": pair[0]}, "to": {"id": pair[1]}, "types": [spec]}]}
        assert http.post("/crm/v4/associations/companies/contacts/batch/labels/archive", json=body).status_code == 204
        assert [each["typeIds"] for each in seen(http, "companies", "contacts")] == left
    assert seen(http, "contacts", "companies") == []


def test_a_report_of_usage_is_promised(http: httpx.Client) -> None:
    """By hand: the SDK can't read the moment that the document describes."""
    assert http.post("/crm/v4/associations/usage/high-usage-report/7").json()["userId"] == 7
