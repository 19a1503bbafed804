"""Before the first write: the right kind of account, and the properties by which records are found again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from references.unpaced import Unpaced
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.budget.day import zone_of
from simulation_worker.crm.answers import Answer
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.crm.setup import Account, prepare


def register(server: EmulatorServer, **account: Any) -> None:
    httpx.post(f"{server.url}/_emulator/accounts", json={"token": "mine", "accountId": 777, **account}).raise_for_status()


def prepared(server: EmulatorServer, token: str = "mine", **portal: Any) -> Account:
    client = CrmClient(url=server.url + "/", token=token, pace=Unpaced())
    try:
        return prepare(client, Portal(name="default", allowed_namespaces=("*",), url=server.url, **portal))
    finally:
        client.close()


def properties(server: EmulatorServer, object_type: str) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/crm/v3/properties/{object_type}", headers={"Authorization": "Bearer mine"})
    return {each["name"]: each for each in answer.json()["results"]}


def writes(server: EmulatorServer) -> int:
    calls = httpx.get(f"{server.url}/_emulator/summary").json()["calls"]["byPath"]
    return sum(1 for path in calls if str(path).startswith("POST"))


def test_the_properties_are_created_once(hubspot: EmulatorServer) -> None:
    register(hubspot)
    assert prepared(hubspot) == Account(777, "DEVELOPER_TEST", zone_of("UTC", 0))
    for object_type in ("companies", "contacts", "deals"):
        known = properties(hubspot, object_type)
        assert known["simulation_key"]["hasUniqueValue"] is True
        assert known["simulation_key"]["groupName"] == "simulation"
        assert {"simulation_id", "simulation_name"} <= known.keys()
    assert prepared(hubspot) == Account(777, "DEVELOPER_TEST", zone_of("UTC", 0))


@pytest.mark.parametrize("account_type", ["STANDARD", "APP_DEVELOPER"])
def test_an_account_with_real_customers_is_refused_before_anything_is_written(hubspot: EmulatorServer, account_type: str) -> None:
    register(hubspot, accountType=account_type)
    with pytest.raises(PortalHeldError, match="allowProduction") as held:
        prepared(hubspot)
    assert held.value.reason is Reason.ACCOUNT_TYPE_REFUSED
    assert "simulation_key" not in properties(hubspot, "companies")


def test_unless_the_administrator_allows_it(hubspot: EmulatorServer) -> None:
    register(hubspot, accountType="STANDARD")
    assert prepared(hubspot, allow_production=True).type == "STANDARD"


def test_a_sandbox_is_fine(hubspot: EmulatorServer) -> None:
    register(hubspot, accountType="SANDBOX")
    assert prepared(hubspot).type == "SANDBOX"


def test_a_missing_scope_is_told_with_the_way_by_hand(hubspot: EmulatorServer) -> None:
    scopes = [f"crm.objects.{kind}.{right}" for kind in ("companies", "contacts") for right in ("read", "write")]
    register(hubspot, scopes=["oauth", *scopes])
    with pytest.raises(PortalHeldError, match=r"crm.schemas.companies.write.*create by hand.*simulation_key") as held:
        prepared(hubspot)
    assert held.value.reason is Reason.SCOPE_MISSING


def test_without_rights_on_deals_all_but_deals_works(hubspot: EmulatorServer) -> None:
    kinds = ("companies", "contacts")
    scopes = [f"crm.{area}.{kind}.{right}" for area in ("objects", "schemas") for kind in kinds for right in ("read", "write")]
    register(hubspot, scopes=["oauth", *scopes])
    assert prepared(hubspot).id == 777


def test_a_rejected_token_is_told(hubspot: EmulatorServer) -> None:
    with pytest.raises(PortalHeldError, match="replace it") as held:
        prepared(hubspot, token="rejected")
    assert held.value.reason is Reason.CREDENTIAL_REJECTED


def test_a_key_that_is_not_unique_can_not_be_used(hubspot: EmulatorServer) -> None:
    register(hubspot)
    headers = {"Authorization": "Bearer mine"}
    wrong = {"name": "simulation_key", "label": "x", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
    httpx.post(f"{hubspot.url}/crm/v3/properties/companies", json=wrong, headers=headers).raise_for_status()
    with pytest.raises(PortalHeldError, match="unique") as held:
        prepared(hubspot)
    assert held.value.reason is Reason.PROPERTY_UNUSABLE


def test_hubspot_being_away_is_worth_another_try(hubspot: EmulatorServer) -> None:
    hubspot.stop()
    with pytest.raises(PortalHeldError) as held:
        prepared(hubspot)
    assert held.value.reason is Reason.PORTAL_UNAVAILABLE


def test_the_token_is_in_no_message(hubspot: EmulatorServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    register(hubspot, accountType="STANDARD")
    with pytest.raises(PortalHeldError) as held:
        prepared(hubspot, token="mine")
    assert "mine" not in str(held.value)
    assert "Bearer" not in caplog.text


def test_an_answer_that_is_not_hubspots_is_no_account_of_ours() -> None:
    """A server in between that answers 200 to everything must not end the worker, which serves other portals too."""

    class Stranger(CrmClient):
        def get(self, path: str) -> Answer:
            return Answer(status=200, body={"portalId": "log in first"})

    client = Stranger(url="http://127.0.0.1:1", token="mine", pace=Unpaced())
    with pytest.raises(PortalHeldError) as held:
        prepare(client, Portal(name="default", allowed_namespaces=("*",)))
    assert held.value.reason is Reason.ACCOUNT_TYPE_REFUSED
    client.close()
