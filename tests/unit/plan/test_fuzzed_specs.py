"""Ten thousand specs, most of them nonsense: each is refused with a field and a sentence, or planned; nothing else is ever raised."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

from references.nonsense import SPECS
from simulation_core.clock import to_ms
from simulation_core.errors import SpecError
from simulation_core.plan import Plan, make_plan
from simulation_core.portals import Portal, Portals
from simulation_core.spec import Spec, parse_spec
from simulation_operator.lifecycle.actions import Accept, Refuse
from simulation_operator.lifecycle.decide import decide
from simulation_operator.lifecycle.observe import Observation
from simulation_operator.resource import Key, Simulation

START_MS = 1_805_846_400_000
PORTALS = Portals({"default": Portal(name="default", allowed_namespaces=("*",))})


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
