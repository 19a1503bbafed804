"""Conditions as Kubernetes means them: one a type, a reason from the closed set, and the moment its status last changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulation_core.clock import iso_seconds
from simulation_core.reasons import Reason


@dataclass(frozen=True)
class Condition:
    type: str
    holds: bool
    reason: Reason
    message: str


def render(conditions: Iterable[Condition], *, before: Sequence[Mapping[str, Any]], generation: int, now_ms: int) -> list[dict[str, Any]]:
    """The whole list, as the API server stores it. lastTransitionTime moves only where the status differs from `before`.

    Types in `before` that are not ours to set here (Verified, Archived) are kept as they are.
    """
    old = {condition["type"]: condition for condition in before}
    ours = {condition.type: _render(condition, old.get(condition.type), generation, now_ms) for condition in conditions}
    return [*ours.values(), *(dict(condition) for type_, condition in old.items() if type_ in {"Verified", "Archived"} - ours.keys())]


def _render(condition: Condition, before: Mapping[str, Any] | None, generation: int, now_ms: int) -> dict[str, Any]:
    status = "True" if condition.holds else "False"
    unchanged = before is not None and before.get("status") == status and "lastTransitionTime" in before
    return {
        "type": condition.type,
        "status": status,
        "reason": condition.reason.value,
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if unchanged and before else iso_seconds(now_ms),
    }


def find(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """The condition of that type, or an empty mapping."""
    return next((condition for condition in status.get("conditions", ()) if condition["type"] == type_), {})
