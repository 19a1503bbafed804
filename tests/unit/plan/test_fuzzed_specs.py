"""Ten thousand specs, most of them nonsense: each is refused with a field and a sentence, or planned; nothing else is ever raised."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation_core.clock import to_ms
from simulation_core.errors import SpecError
from simulation_core.plan import Plan, make_plan
from simulation_core.portals import Portal, Portals
from simulation_core.spec import Method, Spec, parse_spec
from simulation_operator.lifecycle.decide import Accept, Refuse, decide
from simulation_operator.lifecycle.observe import Observation
from simulation_operator.resource import Key, Simulation

START_MS = 1_805_846_400_000
PORTALS = Portals({"default": Portal(name="default", allowed_namespaces=("*",))})

NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nineteen in twenty as they should be, so that faults come one at a time and deep ones are reached."""
    return st.integers(0, 19).flatmap(lambda number: NONSENSE if number == 0 else good)


def parts(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {name: mostly(value) for name, value in required.items()}, optional={name: mostly(value) for name, value in optional.items()}
    )


PERCENT = st.integers(-1, 101)
HOUR = st.integers(-1, 25)
DAYS = st.lists(st.sampled_from(["Monday", "Saturday", "Sunday", "Someday"]), max_size=8)
DATES = st.lists(st.sampled_from(["2027-03-24", "2027-02-30", "today", "2027-13-01"]), max_size=3)
MEMBERS = {
    "bellCurve": parts({}, {"peakPercent": PERCENT, "spreadPercent": PERCENT}),
    "frontLoaded": parts({}, {"steepnessPercent": st.integers(0, 10_001)}),
    "backLoaded": parts({}, {"steepnessPercent": st.integers(0, 10_001)}),
    "bursts": parts({}, {"count": st.integers(0, 1001), "widthPercent": PERCENT, "backgroundPercent": PERCENT}),
    "trickle": parts({}, {"jitterPercent": PERCENT}),
    "dailySpike": parts({}, {"hour": HOUR, "widthMinutes": st.integers(0, 1441), "backgroundPercent": PERCENT}),
    "weekendSurge": parts({}, {"factorPercent": st.integers(-1, 10_001)}),
    "custom": parts({"points": st.lists(parts({"percent": PERCENT, "weight": st.integers(-1, 9)}, {}), max_size=6)}, {}),
}
WORKING_TIME = parts({}, {"days": DAYS, "startHour": HOUR, "endHour": HOUR, "holidays": DATES})
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana", "Mars/Olympus", "../etc", "Etc/GMT+12"])


@st.composite
def some_distributions(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from([*(method.value for method in Method), "Sawtooth"]))
    member = method[:1].lower() + method[1:]
    spec: dict[str, Any] = {"method": method}
    if member in MEMBERS and draw(st.integers(0, 3)):
        spec[member] = draw(mostly(MEMBERS[member]))
    if not draw(st.integers(0, 9)):
        other = draw(st.sampled_from(sorted(MEMBERS)))
        spec[other] = draw(MEMBERS[other])
    if draw(st.booleans()):
        spec["workingTime"] = draw(mostly(WORKING_TIME))
    if draw(st.booleans()):
        spec["timeZone"] = draw(mostly(ZONES))
    return spec


MOMENTS = st.sampled_from(
    [
        "2027-03-24T00:00:00Z",
        "2027-03-27T12:00:00+01:00",
        "2027-04-02T00:00:00.123Z",
        "2099-12-31T23:59:59-14:00",
        "2027-02-30T00:00:00Z",
        "now",
    ]
)
SPECS = parts(
    {"scenario": st.sampled_from(["B2B", "B2C"]), "totalRecords": st.integers(0, 300), "distribution": some_distributions()},
    {
        "startTime": MOMENTS,
        "endTime": MOMENTS,
        "durationSeconds": st.sampled_from([0, 1, 60, 86_400, 1_209_600]),
        "toleranceMilliseconds": st.sampled_from([-1, 0, 1, 1000, 86_400_000]),
        "seed": st.integers(-1, 2**53),
        "missedRecords": st.sampled_from(["CatchUp", "Later"]),
        "records": parts({}, {"contactsPerCompany": parts({}, {"min": st.integers(-1, 5), "max": st.integers(-1, 101)})}),
        "toleranceMillis": st.integers(),
    },
)


def parsed(given_spec: dict[str, Any]) -> Spec | SpecError:
    try:
        return parse_spec(given_spec)
    except SpecError as error:
        return error


def decided(given_spec: dict[str, Any], spec: Spec | SpecError) -> type:
    """What the operator would do with it."""
    key = Key(namespace="default", name="run", uid=uuid.UUID(int=1))
    simulation = Simulation(key=key, generation=1, spec=given_spec)
    return type(decide(Observation(key=key, simulation=simulation, spec=spec, absences=0, portals=PORTALS, now_ms=START_MS)).action)


def planned(spec: Spec) -> Plan | SpecError:
    start_ms = START_MS if spec.start_time is None else to_ms(spec.start_time)
    try:
        return make_plan(spec, start_ms=start_ms, window_ms=max(1, spec.window_ms(start_ms)), seed=7)
    except SpecError as error:
        return error


def is_whole(plan: Plan, spec: Spec) -> bool:
    offsets = plan.offsets_ms
    return len(offsets) == spec.total_records == plan.batches.count.sum() and offsets[0] >= 0 and bool((np.diff(offsets) >= 0).all())


def names_field_and_remedy(error: SpecError) -> bool:
    return error.field.startswith("spec") and len(str(error)) > len(error.field) + 10


@given(SPECS)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
def test_a_spec_is_refused_by_name_or_planned(given_spec: dict[str, Any]) -> None:
    spec = parsed(given_spec)
    assert decided(given_spec, spec) is (Accept if isinstance(spec, Spec) else Refuse)
    outcome = planned(spec) if isinstance(spec, Spec) else spec
    assert names_field_and_remedy(outcome) if isinstance(outcome, SpecError) else is_whole(outcome, spec)
