"""A run that names what its portal doesn't have waits, says what to do, loses nothing, and goes on when it was mended there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from simulation_core.ledger import portals
from simulation_core.ledger.values import Status
from simulation_core.reasons import Reason
from simulation_sandbox.hubspot.accounts import DEFAULT_ACCOUNT_ID
from simulation_sandbox.hubspot.server import EmulatorServer

PENDING = 0
AUTHORIZED = {"Authorization": "Bearer any"}


def hubspot_is_told(outside: Any, method: str, path: str, **body: Any) -> None:
    """By its administrator."""
    httpx.request(method, outside.url + path, headers=AUTHORIZED, json=body or None).raise_for_status()


def create_property(outside: Any, object_type: str, name: str, **more: Any) -> None:
    definition = {"name": name, "label": name, "groupName": "simulation", "type": "string", "fieldType": "text", **more}
    hubspot_is_told(outside, "POST", f"/crm/v3/properties/{object_type}", **definition)


def problem_of(engine: Engine, run: Any) -> portals.PortalProblem | None:
    return portals.problems(engine).get(portals.run_on("default", run))


OF = "spec.records.properties"
LACKING = [
    ({"ownerIds": ["71000001", "5"]}, "spec.records.ownerIds: the portal has no owner 5; it has 71000001"),
    ({"ownerIds": ["71000009"]}, "the portal has no owner 71000009"),  # who left
    (
        {"deals": {"percent": 100, "pipeline": "parties"}},
        "spec.records.deals.pipeline: the portal has no pipeline of deals parties; it has default",
    ),
    (
        {"deals": {"percent": 100, "stage": "smalltalk"}},
        "spec.records.deals.stage: pipeline default has no stage smalltalk; it has appointmentscheduled",
    ),
    (
        {"properties": {"companies": {"tier": "gold"}}},
        f"{OF}.companies.tier: companies have no such property in the portal: create it",
    ),
    (
        {"properties": {"companies": {"type": "FRIEND"}}},
        f"{OF}.companies.type: 'FRIEND' is not among its options; they are PROSPECT",
    ),
    ({"properties": {"companies": {"numberofemployees": "many"}}}, f"{OF}.companies.numberofemployees: 'many' is not a number"),
    ({"properties": {"contacts": {"createdate": "2026-12-01"}}}, f"{OF}.contacts.createdate: HubSpot sets this property itself"),
    (
        {"properties": {"contacts": {"hs_lead_status": {"choice": [{"value": "NEW"}, {"value": "SLEEPY"}]}}}},
        f"{OF}.contacts.hs_lead_status: 'SLEEPY' is not among its options; they are NEW",
    ),
    ({"deals": {"percent": 100}, "properties": {"deals": {"closedate": "soon"}}}, f"{OF}.deals.closedate: 'soon' is not a moment"),
]


@pytest.mark.parametrize(("records", "said"), LACKING, ids=[said[:60] for _, said in LACKING])
def test_what_the_portal_lacks_is_found_before_the_first_write(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, records: dict[str, Any], said: str
) -> None:
    run = ledger.publish(records=3, records_=records)
    delivery.deliver(request_for(run), make_desk())
    problem = problem_of(engine, run)
    assert problem is not None
    assert problem.reason is Reason.NOT_IN_PORTAL
    assert said in problem.message
    assert "the run goes on once it is mended there" in problem.message
    batch = ledger.batch(run)
    assert (batch["state"], batch["tries"]) == (PENDING, [0, 0, 0])
    assert 20_000 < batch["wait_ms"] <= 30_000
    assert outside.objects("companies") == []


def test_it_goes_on_when_the_property_is_there(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, clock: Any
) -> None:
    run = ledger.publish(records=3, records_={"properties": {"companies": {"tier": "gold"}}})
    desk = make_desk(clock=clock)
    delivery.deliver(request_for(run), desk)
    create_property(outside, "companies", "tier")
    clock.forward(31)
    ledger.expire(run)
    delivery.deliver(request_for(run, attempt=2), desk)
    assert ledger.run(run).status is Status.COMPLETED
    assert {each["properties"]["tier"] for each in outside.objects("companies")} == {"gold"}
    assert problem_of(engine, run) is None


def test_other_runs_on_the_portal_go_on(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, engine: Engine) -> None:
    lacking, other = ledger.publish(records=2, records_={"ownerIds": ["5"]}), ledger.publish(records=2)
    desk = make_desk()
    for run in (lacking, other):
        delivery.deliver(request_for(run), desk)
    assert ledger.run(other).status is Status.COMPLETED
    assert ledger.run(lacking).status is Status.RUNNING
    assert "default" not in portals.problems(engine)


def test_a_property_that_is_lost_half_way_fails_no_record(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, clock: Any
) -> None:
    create = {"type": "string", "fieldType": "text"}
    desk = make_desk(clock=clock)
    assert desk.make_ready()
    create_property(outside, "companies", "tier", **create)
    run = ledger.publish(records=4, batch_size=2, records_={"properties": {"companies": {"tier": "gold"}}})
    delivery.deliver(request_for(run), desk)
    hubspot_is_told(outside, "DELETE", "/crm/v3/properties/companies/tier")
    delivery.deliver(request_for(run, batch=1), desk)
    problem = problem_of(engine, run)
    assert problem is not None
    assert "companies have no such property" in problem.message
    assert ledger.run(run).records_failed == 0
    create_property(outside, "companies", "tier", **create)
    clock.forward(31)
    ledger.expire(run)
    delivery.deliver(request_for(run, batch=1, attempt=2), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 4)


STAGE = {"stageId": "qualifiedtobuy", "label": "Qualified", "displayOrder": 1, "metadata": {"probability": "0.4"}}
STAGES = "/crm/v3/pipelines/deals/default/stages"
MOOD = "/crm/v3/properties/companies/mood"
OWNER = "71000002"


def moods(*names: str) -> list[dict[str, str]]:
    return [{"label": name, "value": name} for name in names]


def lose(what: str, outside: Any, server: EmulatorServer) -> Callable[[], object]:
    """Returns how it is mended."""
    if what == "stage":
        hubspot_is_told(outside, "DELETE", f"{STAGES}/qualifiedtobuy")
        return lambda: hubspot_is_told(outside, "POST", STAGES, **STAGE)
    if what == "option":
        hubspot_is_told(outside, "PATCH", MOOD, options=moods("good"))
        return lambda: hubspot_is_told(outside, "PATCH", MOOD, options=moods("good", "bad"))
    owners = server.world.accounts.by_id[DEFAULT_ACCOUNT_ID].owners._by_id
    owner = owners.pop(OWNER)
    return lambda: owners.setdefault(OWNER, owner)


SOME_NEED_IT = [
    ({"deals": {"percent": 40, "stage": "qualifiedtobuy"}}, "stage"),
    ({"ownerIds": ["71000001", "71000002"]}, "owner"),
    ({"properties": {"companies": {"mood": {"choice": [{"value": each} for each in ("good", "bad")]}}}}, "option"),
]


@pytest.mark.parametrize(("records", "lost"), SOME_NEED_IT, ids=[lost for _, lost in SOME_NEED_IT])
def test_what_is_lost_half_way_and_only_some_records_need_fails_none(
    ledger: Any,
    delivery: Any,
    make_desk: Any,
    request_for: Any,
    outside: Any,
    engine: Engine,
    clock: Any,
    hubspot: EmulatorServer,
    records: dict[str, Any],
    lost: str,
) -> None:
    desk = make_desk(clock=clock)
    assert desk.make_ready()
    create_property(outside, "companies", "mood", type="enumeration", fieldType="select", options=moods("good", "bad"))
    run = ledger.publish(records=60, batch_size=30, records_=records)
    delivery.deliver(request_for(run), desk)
    assert ledger.run(run).records_processed == 30
    mend = lose(lost, outside, hubspot)
    delivery.deliver(request_for(run, batch=1), desk)
    problem = problem_of(engine, run)
    assert problem is not None
    assert problem.reason is Reason.NOT_IN_PORTAL
    assert ledger.run(run).records_failed == 0
    assert 30 < ledger.run(run).records_processed < 60  # the others are there
    assert set(ledger.batch(run, 1)["tries"]) == {0}
    mend()
    clock.forward(31)
    ledger.expire(run)
    delivery.deliver(request_for(run, batch=1, attempt=2), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 60)


@pytest.mark.parametrize("lost", ["simulation_key", "simulation_id"])
def test_a_property_of_ours_that_is_lost_half_way_is_created_anew(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, lost: str
) -> None:
    run = ledger.publish(records=4, batch_size=2)
    desk = make_desk()
    delivery.deliver(request_for(run), desk)
    hubspot_is_told(outside, "DELETE", f"/crm/v3/properties/companies/{lost}")
    delivery.deliver(request_for(run, batch=1), desk)
    batch = ledger.batch(run, 1)
    assert (batch["state"], batch["tries"]) == (PENDING, [0, 0])
    ledger.expire(run)
    delivery.deliver(request_for(run, batch=1, attempt=2), desk)
    assert (ledger.run(run).status, ledger.run(run).records_failed) == (Status.COMPLETED, 0)
    assert len(outside.objects("companies")) == 4


def test_a_first_stage_that_is_replaced_half_way_fails_no_record(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any
) -> None:
    """The spec names none, so the portal lacks nothing: its deals just stand elsewhere from now on."""
    desk = make_desk()
    run = ledger.publish(records=20, batch_size=10, records_={"deals": {"percent": 100}})
    delivery.deliver(request_for(run), desk)
    hubspot_is_told(outside, "DELETE", f"{STAGES}/appointmentscheduled")
    delivery.deliver(request_for(run, batch=1), desk)
    assert (ledger.run(run).records_failed, set(ledger.batch(run, 1)["tries"])) == (0, {0})
    ledger.expire(run)
    delivery.deliver(request_for(run, batch=1, attempt=2), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 20)


@pytest.mark.parametrize("status", [400, 404])
def test_a_portal_that_refuses_calls_in_words_we_do_not_know_is_asked_before_any_record_fails(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, clock: Any, status: int
) -> None:
    desk = make_desk(clock=clock, calls_per_ten_seconds=100)
    assert desk.make_ready()
    create_property(outside, "companies", "tier")
    run = ledger.publish(records=200, records_={"properties": {"companies": {"tier": "gold"}}})
    delivery.deliver(request_for(run), desk)
    hubspot_is_told(outside, "DELETE", "/crm/v3/properties/companies/tier")
    outside.fault("companies/batch/upsert", "status", times=None, status=status)
    delivery.deliver(request_for(run, batch=1), desk)
    assert (ledger.run(run).records_failed, set(ledger.batch(run, 1)["tries"])) == (0, {0})
    problem = problem_of(engine, run)
    assert problem is not None
    assert "companies have no such property" in problem.message
    outside.no_faults()
    create_property(outside, "companies", "tier")
    clock.forward(31)
    ledger.expire(run)
    delivery.deliver(request_for(run, batch=1, attempt=2), desk)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 200)


def test_records_that_are_bad_themselves_still_fail(ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any) -> None:
    """The portal has all that the run names: it isn't to blame."""
    desk = make_desk()
    assert desk.make_ready()
    run = ledger.publish(records=1, records_={"ownerIds": ["71000001"]})
    outside.fault("companies/batch/upsert", "status", status=400)
    delivery.deliver(request_for(run), desk)
    assert (ledger.run(run).status, ledger.run(run).records_failed) == (Status.FAILED, 1)


def test_a_missing_scope_for_deals_holds_the_run_and_not_the_portal(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine
) -> None:
    kinds, rights = ("companies", "contacts"), ("read", "write")
    granted = [f"crm.{what}.{kind}.{right}" for what in ("objects", "schemas") for kind in kinds for right in rights]
    register = {"token": "narrow", "accountId": 777, "scopes": granted}
    httpx.post(outside.url + "/_emulator/accounts", json=register).raise_for_status()
    desk = make_desk(token="narrow")
    with_deals, without = ledger.publish(records=2, records_={"deals": {"percent": 100}}), ledger.publish(records=2)
    for run in (with_deals, without):
        delivery.deliver(request_for(run), desk)
    problem = problem_of(engine, with_deals)
    assert problem is not None
    assert problem.reason is Reason.SCOPE_MISSING
    assert "grant crm.objects.deals.read" in problem.message
    assert ledger.run(without).status is Status.COMPLETED
    assert ledger.run(with_deals).records_failed == 0


def test_a_token_that_may_read_deals_and_not_write_them_holds_the_run_alone(
    ledger: Any, delivery: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine
) -> None:
    kinds, rights = ("companies", "contacts", "deals"), ("read", "write")
    granted = [f"crm.{what}.{kind}.{right}" for what in ("objects", "schemas") for kind in kinds for right in rights]
    granted.remove("crm.objects.deals.write")
    register = {"token": "narrow", "accountId": 777, "scopes": granted}
    httpx.post(outside.url + "/_emulator/accounts", json=register).raise_for_status()
    desk = make_desk(token="narrow")
    with_deals, without = ledger.publish(records=2, records_={"deals": {"percent": 100}}), ledger.publish(records=2)
    for run in (with_deals, without):
        delivery.deliver(request_for(run), desk)
    problem = problem_of(engine, with_deals)
    assert problem is not None
    assert (problem.reason, ledger.run(with_deals).records_failed) == (Reason.SCOPE_MISSING, 0)
    assert "grant crm.objects.deals.read and crm.objects.deals.write" in problem.message
    assert ledger.run(without).status is Status.COMPLETED
