"""Feasible means that the calls a plan really makes fit the portal's limits; if they don't, each number that is advised would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation_core.clock import to_ms
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.advice import demand_of, latest_ms
from simulation_core.plan.contacts import contacts_of
from simulation_core.plan.deals import has_deal, total_deals
from simulation_core.plan.feasibility import Demand, excess, feasible
from simulation_core.plan.load import Load, load_of
from simulation_core.plan.peaks import most_within
from simulation_core.portals import Portal
from simulation_core.spec import Spec, parse_spec

START_MS = 1_805_846_400_000
LOAD = Load(calls=300, calls_per_ten_seconds=30, calls_per_day=300, batches_per_lead=15)


def portal(ten_seconds: int = 190, day: int = 625_000) -> Portal:
    return Portal(name="default", calls_per_ten_seconds=ten_seconds, calls_per_day=day, allowed_namespaces=("*",))


def a_spec(**changes: Any) -> Spec:
    """600 companies in ten minutes, unless told otherwise; None leaves a field out."""
    fields = {"scenario": "B2B", "totalRecords": 600, "durationSeconds": 600, **changes}
    return parse_spec({name: value for name, value in fields.items() if value is not None})


def planned(spec: Spec, seed: int = 7) -> Plan:
    return make_plan(spec, start_ms=START_MS, window_ms=spec.window_ms(START_MS), seed=seed)


def demand(spec: Spec, of: Portal) -> Demand:
    return demand_of(spec, load_of(spec, planned(spec), seed=7), of, start_ms=START_MS, window_ms=spec.window_ms(START_MS), seed=7)


@pytest.mark.parametrize(
    ("changes", "calls_a_batch"),
    [
        ({"scenario": "B2C"}, 1),
        ({"records": {"contactsPerCompany": {"min": 0, "max": 0}}}, 1),
        ({"records": {"contactsPerCompany": {"min": 1, "max": 1}}}, 3),
        ({"records": {"contactsPerCompany": {"min": 60, "max": 60}}}, 4),
    ],
    ids=["a contact", "a company alone", "a company with a contact", "companies with 120 contacts"],
)
def test_calls_are_those_a_delivery_makes(changes: dict[str, Any], calls_a_batch: int) -> None:
    spec = a_spec(**changes)  # two records a batch, one batch every two seconds
    plan = planned(spec)
    load = load_of(spec, plan, seed=7)
    assert load.calls == len(plan.batches) * calls_a_batch == 300 * calls_a_batch
    assert (load.calls_per_ten_seconds, load.calls_per_day) == (5 * calls_a_batch, load.calls)
    assert load.batches_per_lead == 8


@given(st.integers(1, 400), st.integers(0, 3), st.integers(1, 100), st.integers(0, 2000), st.integers(0, 2**53 - 1))
@settings(max_examples=60, deadline=None)
def test_contacts_drawn_per_company_are_counted_batch_by_batch(records: int, least: int, most: int, tolerance_ms: int, seed: int) -> None:
    contacts = {"min": min(least, most), "max": most}
    spec = a_spec(totalRecords=records, toleranceMilliseconds=tolerance_ms, durationSeconds=60, records={"contactsPerCompany": contacts})
    plan = planned(spec, seed)
    expected = 0
    for first, count in zip(plan.batches.first_record.tolist(), plan.batches.count.tolist(), strict=True):
        people = sum(contacts_of(seed, record, contacts["min"], most) for record in range(first, first + count))
        expected += 1 + -(-people // 100) + -(-people // 2000)
    assert load_of(spec, plan, seed=seed).calls == expected


@pytest.mark.parametrize("scenario", ["B2B", "B2C"])
@pytest.mark.parametrize("contacts", [(0, 0), (1, 1), (0, 2)])
def test_deals_cost_their_own_calls_and_those_that_join_them(scenario: str, contacts: tuple[int, int]) -> None:
    least, most = contacts
    shape = {"contactsPerCompany": {"min": least, "max": most}}
    given = {"scenario": scenario, "totalRecords": 300, "toleranceMilliseconds": 0, "durationSeconds": 60}
    with_deals = a_spec(**given, records={**shape, "deals": {"percent": 40}})
    plan = planned(with_deals, seed=3)
    expected = load_of(a_spec(**given, records=shape), plan, seed=3).calls
    for record in range(300):
        if has_deal(3, record, 40):
            is_b2b = scenario == "B2B"
            expected += 1 + is_b2b + (contacts_of(3, record, least, most) > 0 if is_b2b else True)
    assert load_of(with_deals, plan, seed=3).calls == expected
    assert plan.objects["deals"] == total_deals(3, 300, 40) > 0


@given(st.lists(st.integers(0, 500), min_size=1, max_size=80).map(sorted), st.integers(1, 100), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_fullest_stretch_is_the_fullest_of_all(moments: list[int], width_ms: int, weighted: bool) -> None:
    offsets = np.array(moments, dtype=np.int64)
    weights = np.arange(1, len(moments) + 1) if weighted else np.ones(len(moments), dtype=int)
    reached = np.concatenate([[0], np.cumsum(weights)]).astype(np.uint32) if weighted else None
    wanted = max(weights[(offsets >= begin) & (offsets < begin + width_ms)].sum() for begin in range(501))
    assert most_within(offsets, width_ms, reached) == wanted


def test_what_fits_says_how_much_of_the_limits_it_takes() -> None:
    verdict = feasible(Demand(load=LOAD), portal())
    assert verdict.holds
    assert verdict.message == (
        "The fullest ten seconds need 30 of 190 calls (16 %), the fullest day 300 of 625000 calls (less than 1 %) of portal 'default'; "
        "other Simulations on it are not counted."
    )


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (portal(ten_seconds=29), "The fullest ten seconds need 30 calls, and portal 'default' has 29"),
        (portal(day=299), "The fullest day needs 300 calls, and portal 'default' has 299"),
        (
            portal(ten_seconds=29, day=299),
            "The fullest ten seconds need 30 calls, and portal 'default' has 29; the fullest day needs 300 calls",
        ),
    ],
    ids=["ten seconds", "a day", "both"],
)
def test_what_exceeds_a_limit_says_which_and_by_how_much(of: Portal, said: str) -> None:
    verdict = feasible(Demand(load=LOAD), of)
    assert not verdict.holds
    assert verdict.message.startswith(said)
    assert "a portal with" in verdict.message


CASES = {
    "a record each": {"totalRecords": 600, "durationSeconds": 15, "toleranceMilliseconds": 0},
    "a burst": {"totalRecords": 20_000, "toleranceMilliseconds": 20, "distribution": {"method": "Bursts"}},
    "a spike a day": {
        "totalRecords": 50_000, "durationSeconds": 864_000, "toleranceMilliseconds": 0,
        "distribution": {"method": "DailySpike", "dailySpike": {"widthMinutes": 5}},
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_each_number_that_is_advised_would_do_and_much_less_would_not(changes: dict[str, Any]) -> None:
    spec, of = a_spec(**changes), portal(ten_seconds=100)
    advised = demand(spec, of)
    advice = advised.advice
    assert advice is not None
    assert advice.duration_seconds is not None
    assert advice.tolerance_milliseconds is not None
    for seconds, fits in ((advice.duration_seconds, True), (advice.duration_seconds * 3 // 4, False)):
        longer = make_plan(spec, start_ms=START_MS, window_ms=seconds * 1000, seed=7)
        assert (excess(load_of(spec, longer, seed=7), of) <= 1) is fits
    assert demand(a_spec(**{**changes, "toleranceMilliseconds": advice.tolerance_milliseconds}), of).advice is None
    message = feasible(advised, of).message
    assert f"toleranceMilliseconds: {advice.tolerance_milliseconds}" in message
    assert f"durationSeconds: {advice.duration_seconds}" in message


def test_a_spec_that_says_when_it_ends_is_told_when_it_should() -> None:
    spec = a_spec(totalRecords=90_000, toleranceMilliseconds=10, durationSeconds=None, endTime="2027-03-24T00:10:00Z")
    advised = demand(spec, portal(ten_seconds=100))
    assert spec.end_time is not None
    assert advised.advice is not None
    assert advised.advice.end_time is not None
    assert advised.advice.end_time > spec.end_time.isoformat()
    assert f"endTime: {advised.advice.end_time}" in feasible(advised, portal(ten_seconds=100)).message


def test_a_longer_window_that_leaves_working_time_is_no_advice_and_no_refusal() -> None:
    """One burst at noon on Friday: in a window twice as long it would lie in the evening."""
    distribution = {"method": "Bursts", "bursts": {"count": 1, "backgroundPercent": 0}, "workingTime": {}}
    spec = a_spec(totalRecords=20_000, durationSeconds=32_400, toleranceMilliseconds=0, distribution=distribution)
    friday_ms = START_MS + 2 * 86_400_000 + 8 * 3_600_000
    load = load_of(spec, make_plan(spec, start_ms=friday_ms, window_ms=32_400_000, seed=7), seed=7)
    advice = demand_of(spec, load, portal(ten_seconds=100), start_ms=friday_ms, window_ms=32_400_000, seed=7).advice
    assert advice is not None
    assert advice.tolerance_milliseconds is not None
    if advice.duration_seconds is not None:
        longer = make_plan(spec, start_ms=friday_ms, window_ms=advice.duration_seconds * 1000, seed=7)
        assert excess(load_of(spec, longer, seed=7), portal(ten_seconds=100)) <= 1


def test_an_end_that_could_not_be_written_is_not_advised() -> None:
    spec = parse_spec({"scenario": "B2B", "totalRecords": 90_000, "endTime": "2099-12-31T23:59:00Z", "toleranceMilliseconds": 0})
    start_ms = to_ms(datetime(2099, 12, 31, 23, tzinfo=UTC))
    load = load_of(spec, make_plan(spec, start_ms=start_ms, window_ms=3_540_000, seed=7), seed=7)
    advice = demand_of(spec, load, portal(ten_seconds=100), start_ms=start_ms, window_ms=3_540_000, seed=7).advice
    assert advice is not None
    assert (advice.end_time, advice.duration_seconds) == (None, None)


def test_a_tolerance_that_could_never_do_is_not_advised() -> None:
    spec = a_spec(totalRecords=10_000, durationSeconds=10)  # full batches already
    advice = demand(spec, portal(ten_seconds=100)).advice
    assert advice is not None
    assert advice.tolerance_milliseconds is None
    assert advice.duration_seconds is not None


def test_the_lateness_is_that_of_a_queue_served_at_the_limits() -> None:
    spec = a_spec(scenario="B2C", totalRecords=600, durationSeconds=10, toleranceMilliseconds=0)  # 600 calls within ten seconds
    assert latest_ms(spec, planned(spec).batches, portal(ten_seconds=100), seed=7) == pytest.approx(40_000, abs=100)
    assert latest_ms(spec, planned(spec).batches, portal(ten_seconds=600), seed=7) == 0
    message = feasible(demand(spec, portal(ten_seconds=100)), portal(ten_seconds=100)).message
    assert "records will be up to 39 s" in message or "records will be up to 40 s" in message


def test_advice_for_other_limits_is_not_given() -> None:
    spec = a_spec(totalRecords=600, durationSeconds=15, toleranceMilliseconds=0)
    of_small = demand(spec, portal(ten_seconds=100))
    assert "durationSeconds" in feasible(of_small, portal(ten_seconds=100)).message
    assert "durationSeconds" not in feasible(of_small, portal(ten_seconds=110)).message


@pytest.mark.parametrize("stored", [Demand(load=LOAD), demand(a_spec(totalRecords=9_000, durationSeconds=15), portal(ten_seconds=20))])
def test_a_demand_comes_back_from_the_ledger_as_it_was(stored: Demand) -> None:
    assert Demand.from_json(stored.as_json()) == stored
    assert Demand.from_json({}) is None


def test_a_tier_that_would_do_is_named() -> None:
    load = replace(LOAD, calls_per_ten_seconds=150)
    assert "150 calls in ten seconds (tier professional)" in feasible(Demand(load=load), portal(ten_seconds=100)).message
