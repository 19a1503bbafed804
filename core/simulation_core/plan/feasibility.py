"""Whether a plan fits its portal's limits, and if not, by how much and what would do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic.alias_generators import to_camel, to_snake

from simulation_core.durations import in_words
from simulation_core.plan.load import Load
from simulation_core.portals import TIERS, Portal
from simulation_core.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What would make a plan fit a portal with these limits. None: that alone doesn't do it."""

    portal_calls_per_ten_seconds: int
    portal_calls_per_day: int
    late_milliseconds: int  # how late the latest records will be at these limits, if nothing is changed and nobody else uses the portal
    duration_seconds: int | None  # a window of that length would do
    end_time: str | None  # the same, for a spec that says endTime
    tolerance_milliseconds: int | None

    def is_for(self, portal: Portal) -> bool:
        return (self.portal_calls_per_ten_seconds, self.portal_calls_per_day) == (portal.calls_per_ten_seconds, portal.calls_per_day)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A load with the advice that goes with it, as the ledger keeps it."""

    load: Load
    advice: Advice | None = None

    def as_json(self) -> dict[str, Any]:
        return {**_camel(asdict(self.load)), **({"advice": _camel(asdict(self.advice))} if self.advice else {})}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self | None:
        """None where nothing is stored: the plan isn't published yet."""
        if not stored:
            return None
        values = {to_snake(name): value for name, value in stored.items()}
        advice = values.pop("advice", None)
        known = None if advice is None else Advice(**{to_snake(name): value for name, value in advice.items()})
        return cls(load=Load(**values), advice=known)


@dataclass(frozen=True)
class Feasibility:
    holds: bool
    reason: Reason
    message: str


def excess(load: Load, portal: Portal) -> float:
    """How many times the portal's limits the load needs at its fullest; up to 1 it fits."""
    return max(load.calls_per_ten_seconds / portal.calls_per_ten_seconds, load.calls_per_day / portal.calls_per_day)


def feasible(demand: Demand, portal: Portal, *, called: str | None = None) -> Feasibility:
    """No: records will be late, and the message says by how much and what would do. Other runs on the portal aren't counted.

    `called`: how the message names the portal, by default by its name.
    """
    load, named = demand.load, called or f"portal {portal.name!r}"
    if excess(load, portal) <= 1:
        return Feasibility(
            True,
            Reason.WITHIN_LIMITS,
            f"The fullest ten seconds need {_share(load.calls_per_ten_seconds, portal.calls_per_ten_seconds)}, "
            f"the fullest day {_share(load.calls_per_day, portal.calls_per_day)} of {named}; other Simulations on it are not counted.",
        )
    advice = demand.advice if demand.advice is not None and demand.advice.is_for(portal) else None
    return Feasibility(
        False,
        Reason.EXCEEDS_LIMITS,
        f"{_too_much(load, portal, named)}: records will be {_how_late(advice)}. Would do: {'; '.join(remedies(load, portal, advice))}.",
    )


def remedies(load: Load, portal: Portal, advice: Advice | None) -> list[str]:
    """Each alone would do, with the number that would."""
    found = []
    if advice is not None and advice.end_time is not None:
        found.append(f"endTime: {advice.end_time}")
    elif advice is not None and advice.duration_seconds is not None:
        found.append(f"durationSeconds: {advice.duration_seconds}")
    if advice is not None and advice.tolerance_milliseconds is not None:
        found.append(f"toleranceMilliseconds: {advice.tolerance_milliseconds}")
    return [*found, _larger_portal(load, portal)]


def _larger_portal(load: Load, portal: Portal) -> str:
    """What of its two limits is too small, and the first of HubSpot's tiers that has enough."""
    needed = []
    if load.calls_per_ten_seconds > portal.calls_per_ten_seconds:
        needed.append(f"{load.calls_per_ten_seconds} calls in ten seconds")
    if load.calls_per_day > portal.calls_per_day:
        needed.append(f"{load.calls_per_day} calls a day")
    tier = next((name for name, (ten, day) in TIERS.items() if ten >= load.calls_per_ten_seconds and day >= load.calls_per_day), None)
    return f"a portal with {' and '.join(needed)}{f' (tier {tier})' if tier else ''}"


def _too_much(load: Load, portal: Portal, named: str) -> str:
    """Each limit that is exceeded: the lateness may come from either."""
    ten_seconds = (
        f"the fullest ten seconds need {load.calls_per_ten_seconds} calls, and {named} has {portal.calls_per_ten_seconds}"
        if load.calls_per_ten_seconds > portal.calls_per_ten_seconds
        else ""
    )
    day = (
        f"the fullest day needs {load.calls_per_day} calls, and {named} has {portal.calls_per_day}"
        if load.calls_per_day > portal.calls_per_day
        else ""
    )
    said = "; ".join(filter(None, (ten_seconds, day)))
    return said[0].upper() + said[1:]


def _share(calls: int, limit: int) -> str:
    return f"{calls} of {limit} calls ({percent_words(calls, limit)})"


def percent_of(calls: int, limit: int) -> int:
    """Rounded up, so that what is needed never reads as nothing."""
    return -(-calls * 100 // limit)


def percent_words(calls: int, limit: int) -> str:
    return "less than 1 %" if 0 < calls * 100 < limit else f"{percent_of(calls, limit)} %"


def _how_late(advice: Advice | None) -> str:
    return "late" if advice is None or not advice.late_milliseconds else f"up to {in_words(advice.late_milliseconds)} late"


def _camel(values: Mapping[str, Any]) -> dict[str, Any]:
    return {to_camel(name): value for name, value in values.items()}
