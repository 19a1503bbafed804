"""Search: filters, order and pages; behind by a moment; at its end after 10,000 results; five a second."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot import HubSpot
from hubspot.crm.objects import Filter, FilterGroup, PublicObjectSearchRequest

from simulation_sandbox.hubspot.server import EmulatorServer

PATH = "/crm/v3/objects/companies/search"


def behave(http: httpx.Client, **wanted: Any) -> None:
    http.post("/_emulator/behaviour", json=wanted).raise_for_status()


@pytest.fixture
def free(keyed: httpx.Client) -> httpx.Client:
    """Searches as often as the test likes."""
    wanted = {"token": "pat-na1-for-tests", "searchesPerSecond": 1000, "callsPerTenSeconds": 100_000}
    keyed.post("/_emulator/accounts", json=wanted).raise_for_status()
    return keyed


@pytest.fixture
def companies(free: httpx.Client) -> httpx.Client:
    """25 companies of run-1 and 5 of run-2, searchable at once."""
    behave(free, searchLagMilliseconds=0)
    for run, count in (("run-1", 25), ("run-2", 5)):
        inputs = [
            {
                "id": f"{run}-{n}",
                "idProperty": "simulation_key",
                "properties": {"name": f"Wind {n} AG", "numberofemployees": str(n), "simulation_id": run}
                | ({"city": "Kiel"} if n % 2 else {}),
            }
            for n in range(count)
        ]
        free.post("/crm/v3/objects/companies/batch/upsert", json={"inputs": inputs}).raise_for_status()
    return free


def ask(http: httpx.Client, *filters: dict[str, Any], **more: Any) -> httpx.Response:
    asked = {"filterGroups": [{"filters": list(filters)}] if filters else [], "sorts": [], "properties": [], "limit": 100, "after": "0"}
    return http.post(PATH, json=asked | more)


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator} | ({} if value is None else {"value": value}) | more


def numbers(answer: httpx.Response) -> list[int]:
    results = answer.raise_for_status().json()["results"]
    return [int(each["properties"]["numberofemployees"]) for each in results]


OF_RUN_1 = where("simulation_id", "EQ", "run-1")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (where("numberofemployees", "EQ", "3"), [3]),
        (where("numberofemployees", "NEQ", "3"), [n for n in range(25) if n != 3]),
        (where("numberofemployees", "LT", "10"), list(range(10))),  # as numbers, not as text
        (where("numberofemployees", "LTE", "2"), [0, 1, 2]),
        (where("numberofemployees", "GT", "22"), [23, 24]),
        (where("numberofemployees", "GTE", "22"), [22, 23, 24]),
        (where("numberofemployees", "BETWEEN", "3", highValue="5"), [3, 4, 5]),
        (where("simulation_key", "IN", values=["run-1-4", "RUN-1-7"]), [4, 7]),
        (where("simulation_key", "NOT_IN", values=[f"run-1-{n}" for n in range(1, 25)]), [0]),
        (where("city", "HAS_PROPERTY"), list(range(1, 25, 2))),
        (where("city", "NOT_HAS_PROPERTY"), list(range(0, 25, 2))),
        (where("name", "CONTAINS_TOKEN", "wind 7"), [7]),
        (where("name", "CONTAINS_TOKEN", "2*"), [2, 20, 21, 22, 23, 24]),
        (where("name", "NOT_CONTAINS_TOKEN", "*1*"), [n for n in range(25) if "1" not in str(n)]),
        (where("createdate", "GT", "2026-01-01T00:00:00Z"), list(range(25))),
    ],
)
def test_a_filter_means_what_it_says(companies: httpx.Client, wanted: dict[str, Any], found: list[int]) -> None:
    assert numbers(ask(companies, OF_RUN_1, wanted, properties=["numberofemployees"])) == found


def test_filters_of_a_group_all_hold_and_of_the_groups_any(companies: httpx.Client) -> None:
    groups = [
        {"filters": [OF_RUN_1, where("numberofemployees", "LT", "2")]},
        {"filters": [where("simulation_id", "EQ", "run-2"), where("numberofemployees", "EQ", "4")]},
    ]
    assert numbers(ask(companies, filterGroups=groups, properties=["numberofemployees"])) == [0, 1, 4]


@pytest.mark.parametrize(
    ("sorts", "first"),
    [(["numberofemployees"], 0), (["-numberofemployees"], 24)],
)
def test_results_are_sorted_by_one_property(companies: httpx.Client, sorts: list[Any], first: int) -> None:
    asked = {"filterGroups": [{"filters": [OF_RUN_1]}], "sorts": sorts, "properties": ["numberofemployees"], "limit": 1, "after": "0"}
    assert numbers(companies.post(PATH, json=asked)) == [first]


def test_the_sdk_walks_through_all_pages_by_object_id(companies: httpx.Client, sdk: HubSpot) -> None:
    found: list[str] = []
    last = "0"
    while True:
        filters = [
            Filter(property_name="simulation_id", operator="EQ", value="run-1"),
            Filter(property_name="hs_object_id", operator="GT", value=last),
        ]
        asked = PublicObjectSearchRequest(
            filter_groups=[FilterGroup(filters=filters)], sorts=["hs_object_id"], properties=["simulation_key"], limit=10, after="0"
        )
        page = sdk.crm.objects.search_api.do_search("companies", asked)
        if not page.results:
            break
        assert page.total == 25 - len(found)
        found += [each.properties["simulation_key"] for each in page.results]
        last = page.results[-1].id
    assert sorted(found) == sorted(f"run-1-{n}" for n in range(25))


def test_free_text_looks_at_the_name(companies: httpx.Client) -> None:
    assert ask(companies, query="wind 17").json()["total"] == 1


def test_a_new_record_is_found_only_after_a_moment(keyed: httpx.Client) -> None:
    behave(keyed, searchLagMilliseconds=60_000)
    made = keyed.post("/crm/v3/objects/companies", json={"properties": {"name": "A"}, "associations": []}).json()["id"]
    assert ask(keyed).json()["total"] == 0
    assert keyed.get(f"/crm/v3/objects/companies/{made}").status_code == 200
    behave(keyed, searchLagMilliseconds=0)
    assert ask(keyed).json()["total"] == 1


def test_a_search_ends_after_ten_thousand_results(companies: httpx.Client, emulator: EmulatorServer) -> None:
    with emulator.world.lock:
        records = emulator.world.accounts.by_id[424242].objects["companies"]
        for number in range(10_050):
            records.create({"name": "C", "simulation_id": "run-3", "simulation_key": f"run-3-{number}"}, 1_767_225_600_000)
    of_run_3 = where("simulation_id", "EQ", "run-3")
    last = ask(companies, of_run_3, limit=200, after="9800")
    assert last.json()["total"] == 10_050
    assert last.json()["paging"]["next"]["after"] == "10000"
    beyond = ask(companies, of_run_3, limit=200, after="10000")
    assert (beyond.status_code, beyond.json()["category"]) == (400, "VALIDATION_ERROR")
    newest = last.json()["results"][-1]["id"]
    assert ask(companies, of_run_3, where("hs_object_id", "GT", newest), limit=200).json()["total"] == 50


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 201},
        {"limit": 0, "after": "x"},
        {"sorts": ["name", "city"]},
        {"sorts": ["nowhere"]},
        {"filterGroups": [{"filters": [where("nowhere", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("name", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [where("name", "EQ")]}]},
        {"filterGroups": [{"filters": [where("name", "IN", "1")]}]},
        {"filterGroups": [{"filters": [where("numberofemployees", "GT", "many")]}]},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [OF_RUN_1] * 7}]},
        {"filterGroups": [{"filters": [OF_RUN_1] * 5}] * 4},
        {"filterGroups": "all"},
        {"query": "x" * 3001},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(companies: httpx.Client, changes: dict[str, Any]) -> None:
    assert ask(companies, **changes).status_code == 400


def test_five_searches_a_second_are_the_most_and_tell_nothing_of_limits(keyed: httpx.Client) -> None:
    answers = [ask(keyed) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[5].json()["policyName"] == "SECONDLY"
    assert answers[5].headers["Retry-After"] == "1"
    assert not [name for each in answers for name in each.headers if "ratelimit" in name.lower()]
