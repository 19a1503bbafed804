"""Reading, changing and archiving: one object at a time and in batches, through the real SDK."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.objects import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.objects.exceptions import ApiException


def create(sdk: HubSpot, object_type: str, **properties: str) -> str:
    wanted = SimplePublicObjectInputForCreate(properties=properties, associations=[])
    return str(sdk.crm.objects.basic_api.create(object_type, wanted).id)


def ids(*wanted: str) -> list[SimplePublicObjectId]:
    return [SimplePublicObjectId(id=each) for each in wanted]


def reading(*wanted: str, properties: list[str], by: str | None = None) -> BatchReadInputSimplePublicObjectId:
    return BatchReadInputSimplePublicObjectId(inputs=ids(*wanted), properties=properties, properties_with_history=[], id_property=by)


def test_an_object_is_created_read_changed_and_archived(sdk: HubSpot) -> None:
    api = sdk.crm.objects.basic_api
    made = create(sdk, "companies", name="Wind AG", city="Kiel")
    api.update("companies", made, SimplePublicObjectInput(properties={"city": "Bonn", "name": "Wind SE"}))
    read = api.get_by_id("companies", made, properties=["name", "city"])
    assert (read.properties["name"], read.properties["city"]) == ("Wind SE", "Bonn")
    api.archive("companies", made)
    with pytest.raises(ApiException) as gone:
        api.get_by_id("companies", made)
    assert gone.value.status == 404


def test_an_object_is_read_by_its_unique_property(keyed: httpx.Client, sdk: HubSpot) -> None:
    made = create(sdk, "companies", name="Wind AG", simulation_key="k-1")
    assert sdk.crm.objects.basic_api.get_by_id("companies", "k-1", id_property="simulation_key").id == made


def test_clearing_a_property_frees_its_unique_value(keyed: httpx.Client, sdk: HubSpot) -> None:
    made = create(sdk, "companies", name="Wind AG", simulation_key="k-1")
    sdk.crm.objects.basic_api.update("companies", made, SimplePublicObjectInput(properties={"simulation_key": ""}))
    assert create(sdk, "companies", name="Sun AG", simulation_key="k-1") != made


def test_pages_follow_each_other(sdk: HubSpot) -> None:
    made = [create(sdk, "deals", dealname=f"D{n}", dealstage="closedwon", pipeline="default") for n in range(5)]
    api = sdk.crm.objects.basic_api
    first = api.get_page("deals", limit=3)
    second = api.get_page("deals", limit=3, after=first.paging.next.after)
    assert [each.id for each in (*first.results, *second.results)] == made
    assert second.paging is None


def test_a_batch_is_created_updated_and_archived(keyed: httpx.Client, sdk: HubSpot) -> None:
    api = sdk.crm.objects.batch_api
    wanted = [SimplePublicObjectBatchInputForCreate(properties={"name": f"C{n}"}, associations=[]) for n in range(3)]
    created = api.create("companies", BatchInputSimplePublicObjectBatchInputForCreate(inputs=wanted))
    made = [each.id for each in created.results]
    changes = [SimplePublicObjectBatchInput(id=each, properties={"city": "Kiel"}) for each in made]
    assert {
        each.properties["city"] for each in api.update("companies", BatchInputSimplePublicObjectBatchInput(inputs=changes)).results
    } == {"Kiel"}
    api.archive("companies", BatchInputSimplePublicObjectId(inputs=ids(*made, "999")))
    assert keyed.get("/_emulator/objects/companies").json()["total"] == 0
    assert keyed.get("/_emulator/objects/companies", params={"archived": "true"}).json()["total"] == 3


def test_updating_what_is_not_there_changes_nothing(sdk: HubSpot) -> None:
    made = create(sdk, "companies", name="Wind AG")
    changes = [SimplePublicObjectBatchInput(id=each, properties={"city": "Kiel"}) for each in (made, "999")]
    with pytest.raises(ApiException) as refused:
        sdk.crm.objects.batch_api.update("companies", BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert refused.value.status == 404
    assert "city" not in sdk.crm.objects.basic_api.get_by_id("companies", made, properties=["city"]).properties


def test_a_batch_read_names_what_is_missing(keyed: httpx.Client, sdk: HubSpot) -> None:
    made = create(sdk, "companies", name="Wind AG", simulation_key="k-1")
    found = sdk.crm.objects.batch_api.read("companies", reading("k-1", "k-2", properties=["name"], by="simulation_key"))
    assert [(each.id, each.properties["simulation_key"]) for each in found.results] == [(made, "k-1")]
    assert found.errors[0].category == "OBJECT_NOT_FOUND"
    assert found.errors[0].context["ids"] == ["k-2"]


def test_an_archived_key_can_be_used_again(keyed: httpx.Client, sdk: HubSpot) -> None:
    made = create(sdk, "companies", name="Wind AG", simulation_key="k-1")
    sdk.crm.objects.basic_api.archive("companies", made)
    assert create(sdk, "companies", name="Wind AG", simulation_key="k-1") != made


def test_an_object_may_be_created_with_its_associations(sdk: HubSpot) -> None:
    owner = create(sdk, "companies", name="Wind AG")
    to: dict[str, Any] = {"to": {"id": owner}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}
    wanted = SimplePublicObjectInputForCreate(properties={"email": "a@one.example"}, associations=[to])
    made = sdk.crm.objects.basic_api.create("contacts", wanted).id
    read = sdk.crm.objects.basic_api.get_by_id("contacts", made, associations=["companies"])
    assert [each.id for each in read.associations["companies"].results] == [owner]
