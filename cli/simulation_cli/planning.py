"""What a spec comes to: the plan the operator would store, beside the portal's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulation_cli.drawing import Timeline
from simulation_cli.drawing.terminal import histogram
from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.feasibility import Feasibility, Load, feasible
from simulation_core.portals import ANY_NAMESPACE, Portal
from simulation_core.spec import Spec


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

    @property
    def timeline(self) -> Timeline:
        return Timeline(counts=self.plan.histogram, start_ms=self.start_ms, end_ms=self.end_ms, zone=self.spec.distribution.time_zone)

    def as_lines(self, *, columns: int) -> list[str]:
        """Section by section: what, when, and whether the portal can take it."""
        return [*self._headline(), *histogram(self.timeline, columns=columns), *self._verdict()]

    def _headline(self) -> list[str]:
        objects = ", ".join(f"{count} {kind}" for kind, count in self.plan.objects.items() if count)
        return [
            f"{self.spec.total_records} records ({objects}) in {len(self.plan.batches)} batches",
            f"from {iso_ms(self.start_ms)} to {iso_ms(self.end_ms)}, at most {self.plan.peak_per_minute} a minute",
        ]

    def _verdict(self) -> list[str]:
        return [
            f"{'feasible' if self.feasibility.holds else 'NOT feasible'}: {self.feasibility.message}",
            "(the portal's limits are those of --calls-per-10s and --calls-per-day; no cluster was asked for them)",
        ]


def preview(spec: Spec, limits: Limits, *, now_ms: int, seed: int | None = None) -> Preview:
    """Without startTime the run begins at `now_ms`, without `seed` it has the spec's, or 0 where the uid would give it.

    Raises SpecError where nothing would be planned.
    """
    run = planned(spec, now_ms=now_ms, seed=(spec.seed or 0) if seed is None else seed)
    portal = Portal(
        name=spec.portal, calls_per_ten_seconds=limits.ten_seconds, calls_per_day=limits.day, allowed_namespaces=(ANY_NAMESPACE,)
    )
    load = Load(
        scenario=spec.scenario.value,
        records=spec.total_records,
        window_ms=run.window_ms,
        tolerance_ms=spec.tolerance_milliseconds,
        peak_per_minute=run.plan.peak_per_minute,
    )
    return Preview(
        spec=spec,
        plan=run.plan,
        start_ms=run.start_ms,
        end_ms=run.start_ms + run.window_ms,
        feasibility=feasible(load, portal),
    )


@dataclass(frozen=True)
class Planned:
    """A plan with the window it was made for."""

    plan: Plan
    start_ms: int  # Unix epoch
    window_ms: int


def planned(spec: Spec, *, now_ms: int, seed: int) -> Planned:
    """The plan of a run that begins at `now_ms` unless the spec says when. Raises SpecError where nothing would be planned."""
    start_ms = now_ms if spec.start_time is None else to_ms(spec.start_time)
    window_ms = spec.window_ms(start_ms)
    if window_ms <= 0:
        raise SpecError("spec.endTime", "is past: choose a later one")
    return Planned(make_plan(spec, window_ms=window_ms, seed=seed), start_ms, window_ms)
