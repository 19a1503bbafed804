"""What a run needs its portal to have, beyond what every run needs; and why a portal doesn't have it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulation_core.errors import SimulationError
from simulation_core.spec import Deals, PropertyValue, Records

SHOWN = 12  # of what there is, in a message


@dataclass(frozen=True, kw_only=True)
class Wants:
    """Of one run, out of its spec."""

    owner_ids: frozenset[str] = frozenset()
    deals: Deals | None = None  # None: none of its records has one
    properties: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # by object type and name: all values
    several: bool = True  # more than one record: a constant can't be unique

    @property
    def anything(self) -> bool:
        return bool(self.owner_ids or self.deals or self.properties)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One of HubSpot's pipelines of deals."""

    id: str
    stages: tuple[str, ...]  # in their order
    won: str | None  # the stage of deals that are won


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Where a run's deals stand, as HubSpot's ids."""

    opened: str
    won: str


class LackingError(SimulationError):
    """The portal lacks what a spec names. The message has the field and the remedy."""

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"{name}: {fault}")


def wants_of(records: Records, *, b2b: bool, total: int) -> Wants:
    deals = records.deals if records.deals.percent else None
    kinds: dict[str, Mapping[str, PropertyValue]] = {"contacts": records.properties.contacts}
    if b2b:
        kinds["companies"] = records.properties.companies
    if deals:
        kinds["deals"] = records.properties.deals
    properties = {kind: {name: value.values for name, value in sorted(wanted.items())} for kind, wanted in kinds.items() if wanted}
    return Wants(owner_ids=frozenset(records.owner_ids), deals=deals, properties=properties, several=total > 1)


def check_owners(wants: Wants, owners: frozenset[str]) -> None:
    if missing := sorted(wants.owner_ids - owners):
        raise LackingError("spec.records.ownerIds", f"the portal has no owner {', '.join(missing)}; it has {_some(sorted(owners))}")


def stages_for(deals: Deals, pipelines: Mapping[str, Pipeline]) -> Stages:
    at = "spec.records.deals"
    pipeline = pipelines.get(deals.pipeline)
    if pipeline is None:
        raise LackingError(f"{at}.pipeline", f"the portal has no pipeline of deals {deals.pipeline}; it has {_some(sorted(pipelines))}")
    if deals.stage is not None and deals.stage not in pipeline.stages:
        raise LackingError(f"{at}.stage", f"pipeline {pipeline.id} has no stage {deals.stage}; it has {_some(pipeline.stages)}")
    if not pipeline.stages:
        raise LackingError(f"{at}.pipeline", f"pipeline {pipeline.id} has no stage: add one in HubSpot")
    if deals.won_percent and pipeline.won is None:
        raise LackingError(f"{at}.wonPercent", f"pipeline {pipeline.id} has no stage for won deals: add one in HubSpot, closed as won")
    opened = deals.stage or pipeline.stages[0]
    return Stages(opened=opened, won=pipeline.won or opened)


def check_properties(wants: Wants, object_type: str, known: Mapping[str, Mapping[str, Any]]) -> None:
    """`known`: HubSpot's definitions, by name."""
    for name, values in wants.properties.get(object_type, {}).items():
        at, definition = f"spec.records.properties.{object_type}.{name}", known.get(name)
        if definition is None:
            raise LackingError(at, f"{object_type} have no such property in the portal: create it in HubSpot")
        if definition.get("calculated") or (definition.get("modificationMetadata") or {}).get("readOnlyValue"):
            raise LackingError(at, "HubSpot sets this property itself: leave it out")
        if definition.get("hasUniqueValue") and wants.several:
            raise LackingError(at, "this property requires unique values, and several records would get the same: leave it out")
        for value in values:
            if fault := _fault(definition, value):
                raise LackingError(at, fault)


def _fault(definition: Mapping[str, Any], value: str) -> str | None:
    """Why HubSpot would refuse the value. What is not sure is left to HubSpot."""
    kind = definition.get("type")
    options = [str(option.get("value")) for option in definition.get("options") or ()]
    if kind == "enumeration" and options and not definition.get("externalOptions"):
        chosen = value.strip(";").split(";") if definition.get("fieldType") == "checkbox" else [value]
        if missing := [one for one in chosen if one not in options]:
            return f"{missing[0]!r} is not among its options; they are {_some(options)}"
    if kind in TYPES and value and not TYPES[kind][0].fullmatch(value):
        return f"{value!r} is not {TYPES[kind][1]}, which this property takes"
    return None


TYPES = {
    "number": (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"), "a number"),
    "bool": (re.compile(r"true|false"), "true or false"),
    "date": (re.compile(r"-?\d+|\d{4}-\d{2}-\d{2}(T.*)?"), "a date such as 2026-12-01"),
    "datetime": (re.compile(r"-?\d+|\d{4}-\d{2}-\d{2}(T.*)?"), "a moment such as 2026-12-01T08:00:00Z"),
}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN]) or "none"
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
