"""Who may call, how often, and what for: credentials, account types, scopes, the ten seconds and the day."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.objects import BatchInputSimplePublicObjectId
from hubspot.crm.objects.exceptions import ApiException

from simulation_sandbox.hubspot.server import EmulatorServer

DETAILS = "/account-info/v3/details"
COMPANY = {"properties": {"name": "Wind AG"}, "associations": []}


def register(emulator: EmulatorServer, **account: Any) -> httpx.Client:
    """A client of that account; the test's own token unless it names one."""
    wanted = {"token": "pat-registered"} | account
    httpx.post(f"{emulator.url}/_emulator/accounts", json=wanted).raise_for_status()
    return httpx.Client(base_url=emulator.url, headers={"Authorization": f"Bearer {wanted['token']}"})


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer rejected"}])
def test_without_a_good_credential_nothing_is_answered(emulator: EmulatorServer, headers: dict[str, str]) -> None:
    answer = httpx.get(emulator.url + DETAILS, headers=headers)
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_any_other_token_opens_the_default_account(http: httpx.Client) -> None:
    details = http.get(DETAILS).json()
    assert (details["portalId"], details["accountType"]) == (424242, "DEVELOPER_TEST")


@pytest.mark.parametrize("account_type", ["STANDARD", "SANDBOX", "APP_DEVELOPER", "DEVELOPER_TEST"])
def test_an_account_says_its_type_and_zone(emulator: EmulatorServer, account_type: str) -> None:
    with register(emulator, accountId=7, accountType=account_type, timeZone="Asia/Kolkata") as client:
        details = client.get(DETAILS).json()
    assert (details["portalId"], details["accountType"], details["utcOffset"]) == (7, account_type, "+05:30")


def test_accounts_do_not_see_each_other(emulator: EmulatorServer, http: httpx.Client) -> None:
    http.post("/crm/v3/objects/companies", json=COMPANY).raise_for_status()
    with register(emulator, accountId=7) as client:
        assert client.get("/crm/v3/objects/companies").json()["results"] == []
    assert httpx.get(f"{emulator.url}/_emulator/objects/companies", params={"account": 7}).json()["total"] == 0


def test_a_missing_scope_is_named(emulator: EmulatorServer) -> None:
    with register(emulator, scopes=["crm.objects.companies.read", "crm.objects.contacts.write"]) as client:
        assert client.get("/crm/v3/objects/companies").status_code == 200
        refused = client.post("/crm/v3/objects/companies", json=COMPANY)
        schema = client.post("/crm/v3/properties/companies/groups", json={"name": "simulation", "label": "S"})
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.companies.write"]
    assert schema.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.schemas.companies.write"]


@pytest.mark.parametrize("retry_after", [True, False])
def test_the_call_over_the_ten_second_limit_is_refused(emulator: EmulatorServer, retry_after: bool) -> None:
    with register(emulator, callsPerTenSeconds=3, retryAfter=retry_after) as client:
        answers = [client.get(DETAILS) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["X-HubSpot-RateLimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert answers[3].headers["X-HubSpot-RateLimit-Max"] == "3"
    assert answers[3].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert answers[3].json()["errorType"] == "RATE_LIMIT"
    assert (1 <= int(answers[3].headers["Retry-After"]) <= 10) if retry_after else "Retry-After" not in answers[3].headers


def test_the_sdk_meets_the_limit_as_an_exception(emulator: EmulatorServer) -> None:
    register(emulator, callsPerTenSeconds=1).close()
    api = HubSpot(access_token="pat-registered", host=emulator.url).crm.objects.batch_api
    asked = BatchInputSimplePublicObjectId(inputs=[])  # a POST: urllib3 itself would wait and repeat a GET that got a 429
    api.archive("companies", asked)
    with pytest.raises(ApiException) as refused:
        api.archive("companies", asked)
    assert refused.value.status == 429
    assert json.loads(refused.value.body)["policyName"] == "TEN_SECONDLY_ROLLING"


def test_ten_seconds_are_an_app_s_own_and_the_day_is_the_account_s(emulator: EmulatorServer) -> None:
    with (
        register(emulator, callsPerTenSeconds=2, callsPerDay=3) as one,
        register(emulator, token="pat-other", callsPerTenSeconds=2, callsPerDay=3) as other,
    ):
        assert [one.get(DETAILS).status_code for _ in range(3)] == [200, 200, 429]
        assert other.get(DETAILS).status_code == 200
        spent = other.get(DETAILS)
    assert (spent.status_code, spent.json()["policyName"]) == (429, "DAILY")
    assert spent.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"


@pytest.mark.parametrize("retry_after", [True, False])
def test_after_the_last_call_of_the_day_midnight_may_be_told(emulator: EmulatorServer, retry_after: bool) -> None:
    with register(emulator, accountId=7, callsPerDay=1, timeZone="Asia/Kolkata", retryAfter=retry_after) as client:
        client.get(DETAILS)
        wait = client.get(DETAILS).headers.get("Retry-After")
    assert (0 < int(wait or 0) <= 86_400) is retry_after
    assert (wait is None) is not retry_after


def test_the_days_usage_can_be_read(http: httpx.Client) -> None:
    http.get(DETAILS)
    usage = http.get("/account-info/v3/api-usage/daily/private-apps").json()["results"][0]
    assert (usage["currentUsage"], usage["usageLimit"]) == (2, 625_000)


def test_an_account_of_no_known_type_is_refused(emulator: EmulatorServer) -> None:
    answer = httpx.post(f"{emulator.url}/_emulator/accounts", json={"token": "a", "accountType": "PRODUCTION"})
    assert answer.status_code == 400
    assert "STANDARD" in answer.json()["message"]


def test_owners_and_pipelines_can_be_read(sdk: HubSpot) -> None:
    owners = sdk.crm.owners.owners_api.get_page().results
    assert sdk.crm.owners.owners_api.get_by_id(int(owners[0].id)).email == owners[0].email
    pipelines = sdk.crm.pipelines.pipelines_api.get_all("deals").results
    assert [each.id for each in pipelines] == ["default"]
    assert "closedwon" in [each.id for each in pipelines[0].stages]
    assert [each.id for each in sdk.crm.pipelines.pipeline_stages_api.get_all("deals", "default").results][-1] == "closedlost"
