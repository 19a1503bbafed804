"""Deals: on the record's company and first contact, in the pipeline's stages, owned like the rest of the record."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from simulation_core.ledger.values import Status

KINDS = ("companies", "contacts", "deals")


def joins(outside: Any, one: str, other: str) -> list[dict[str, Any]]:
    return httpx.get(f"{outside.url}/_emulator/associations", params={"from": one, "to": other, "limit": 10000}).json()["results"]


def key_by_id(outside: Any) -> dict[str, str]:
    return {each["id"]: each["properties"]["simulation_key"] for kind in KINDS for each in outside.objects(kind)}


def test_a_deal_hangs_on_its_company_and_its_first_contact(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any
) -> None:
    records = {
        "contactsPerCompany": {"min": 2, "max": 2},
        "deals": {"percent": 50, "stage": "contractsent", "wonPercent": 50},
        "ownerIds": ["71000001", "71000002"],
    }
    run = ledger.publish(records=60, records_=records)
    delivery.deliver(request_for(run), make_desk())
    assert ledger.run(run).status is Status.COMPLETED
    deals, keys = outside.objects("deals"), key_by_id(outside)
    assert 15 < len(deals) < 45
    assert {deal["properties"]["dealstage"] for deal in deals} == {"contractsent", "closedwon"}
    assert {deal["properties"]["pipeline"] for deal in deals} == {"default"}
    for other, role, types in (("companies", "c", [5, 341]), ("contacts", "p0", [3])):
        joined = joins(outside, "deals", other)
        assert len(joined) == len(deals)
        for each in joined:
            assert keys[each["to"]] == keys[each["from"]].removesuffix("-d") + f"-{role}"
            assert sorted(each["typeIds"]) == types
    every = [each["properties"] for kind in KINDS for each in outside.objects(kind)]
    owner = {each["simulation_key"]: each["hubspot_owner_id"] for each in every}
    assert all(owner[key] == ("71000001", "71000002")[int(key.split("-")[-2]) % 2] for key in owner)
    deal = deals[0]
    record = int(deal["properties"]["simulation_key"].split("-")[-2])
    assert ledger.batch(run)["crm_ids"][f"{record}.d"] == deal["id"]


def test_a_consumers_deal_hangs_on_the_contact(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    run = ledger.publish(records=10, scenario="B2C", records_={"deals": {"percent": 100}})
    delivery.deliver(request_for(run), make_desk())
    assert ledger.run(run).status is Status.COMPLETED
    assert len(outside.objects("deals")) == len(joins(outside, "deals", "contacts")) == 10
    assert {deal["properties"]["dealstage"] for deal in outside.objects("deals")} == {"appointmentscheduled"}


@pytest.mark.parametrize("phase", ["deals/batch/upsert", "deals/companies/batch/create", "deals/contacts/batch/create"])
def test_an_answer_that_is_lost_makes_no_deal_twice(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, phase: str
) -> None:
    run = ledger.publish(records=5, records_={"deals": {"percent": 100}})
    desk = make_desk()
    assert desk.make_ready()
    outside.fault(phase, "lose_response", times=2)
    delivery.deliver(request_for(run), desk)
    assert ledger.run(run).records_processed == 0
    ledger.expire(run)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).records_processed == 5
    for kind in KINDS:
        assert len(outside.objects(kind)) == 5
    assert len(joins(outside, "deals", "companies")) == len(joins(outside, "deals", "contacts")) == 5


def test_the_calls_are_those_that_the_plan_counted(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    desk = make_desk()
    runs = [ledger.publish(records=30, records_={"deals": {"percent": 100}}) for _ in range(2)]
    delivery.deliver(request_for(runs[0]), desk)
    before = outside.calls()  # with what was asked of the portal, once
    delivery.deliver(request_for(runs[1]), desk)
    assert outside.calls() - before == ledger.planned_calls(30, records={"deals": {"percent": 100}})
