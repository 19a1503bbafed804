"""What a spec comes to: the plan the operator would store, beside the portal's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.feasibility import Feasibility, Load, feasible
from simulation_core.portals import ANY_NAMESPACE, Portal
from simulation_core.spec import Spec

BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Limits:
    """HubSpot calls the portal allows."""

    ten_seconds: int
    day: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    spec: Spec
    plan: Plan
    start_ms: int
    end_ms: int
    feasibility: Feasibility

    def as_json(self) -> dict[str, Any]:
        return {
            "records": self.spec.total_records,
            "objects": dict(self.plan.objects),
            "batches": len(self.plan.batches),
            "startTime": iso_ms(self.start_ms),
            "endTime": iso_ms(self.end_ms),
            "peakRecordsPerMinute": self.plan.peak_per_minute,
            "histogram": list(self.plan.histogram),
            "feasible": self.feasibility.holds,
            "reason": self.feasibility.reason.value,
            "message": self.feasibility.message,
        }

    def as_text(self) -> str:
        objects = ", ".join(f"{count} {kind}" for kind, count in self.plan.objects.items() if count)
        return "\n".join(
            [
                f"{self.spec.total_records} records ({objects}) in {len(self.plan.batches)} batches",
                f"from {iso_ms(self.start_ms)} to {iso_ms(self.end_ms)}, at most {self.plan.peak_per_minute} a minute",
                f"|{_bars(self.plan.histogram)}|",
                f"{'feasible' if self.feasibility.holds else 'NOT feasible'}: {self.feasibility.message}",
                "(the portal's limits are those of --calls-per-10s and --calls-per-day; no cluster was asked)",
            ]
        )


def preview(spec: Spec, limits: Limits, *, now_ms: int) -> Preview:
    """Raises SpecError where nothing would be planned. A seed that the uid would give is taken as 0."""
    start_ms = now_ms if spec.start_time is None else to_ms(spec.start_time)
    window_ms = spec.window_ms(start_ms)
    if window_ms <= 0:
        raise SpecError("spec.endTime", "is past: choose a later one")
    plan = make_plan(spec, start_ms=start_ms, window_ms=window_ms, seed=spec.seed or 0)
    portal = Portal(
        name=spec.portal, calls_per_ten_seconds=limits.ten_seconds, calls_per_day=limits.day, allowed_namespaces=(ANY_NAMESPACE,)
    )
    load = Load(
        scenario=spec.scenario.value,
        records=spec.total_records,
        window_ms=window_ms,
        tolerance_ms=spec.tolerance_milliseconds,
        peak_per_minute=plan.peak_per_minute,
    )
    return Preview(
        spec=spec,
        plan=plan,
        start_ms=start_ms,
        end_ms=start_ms + window_ms,
        feasibility=feasible(load, portal),
    )


def _bars(histogram: tuple[int, ...]) -> str:
    """One character a bucket; only an empty bucket is blank."""
    highest = max(histogram)
    return "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in histogram)
