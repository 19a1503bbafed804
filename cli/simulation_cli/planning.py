"""What a spec comes to: the plan the operator would store, beside the portal's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulation_cli.drawing import Timeline
from simulation_cli.drawing.terminal import histogram
from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.advice import demand_of
from simulation_core.plan.feasibility import Demand, Feasibility, feasible, percent_of, remedies
from simulation_core.plan.load import WORKER_LEAD_SECONDS, load_of, workers_for
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
    portal: Portal
    demand: Demand

    @property
    def feasibility(self) -> Feasibility:
        return feasible(self.demand, self.portal)

    @property
    def workers_at_peak(self) -> int:
        return workers_for(self.demand.load.batches_per_lead)

    def as_json(self) -> dict[str, Any]:
        load, advice, verdict = self.demand.load, self.demand.advice, self.feasibility
        return {
            "records": self.spec.total_records,
            "objects": dict(self.plan.objects),
            "batches": len(self.plan.batches),
            "startTime": iso_ms(self.start_ms),
            "endTime": iso_ms(self.end_ms),
            "peakRecordsPerMinute": self.plan.peak_per_minute,
            "histogram": list(self.plan.histogram),
            "hubspotCalls": {
                "total": load.calls,
                "perTenSeconds": load.calls_per_ten_seconds,
                "perTenSecondsPercent": percent_of(load.calls_per_ten_seconds, self.portal.calls_per_ten_seconds),
                "perDay": load.calls_per_day,
                "perDayPercent": percent_of(load.calls_per_day, self.portal.calls_per_day),
            },
            "model": {"calls": 0, "tokens": 0},
            "workersAtPeak": self.workers_at_peak,
            "feasible": verdict.holds,
            "reason": verdict.reason.value,
            "message": verdict.message,
            "lateMilliseconds": 0 if advice is None else advice.late_milliseconds,
            "wouldDo": None
            if advice is None
            else {
                "durationSeconds": advice.duration_seconds,
                "endTime": advice.end_time,
                "toleranceMilliseconds": advice.tolerance_milliseconds,
                "portalCallsPerTenSeconds": load.calls_per_ten_seconds,
                "portalCallsPerDay": load.calls_per_day,
            },
        }

    @property
    def timeline(self) -> Timeline:
        return Timeline(counts=self.plan.histogram, start_ms=self.start_ms, end_ms=self.end_ms, zone=self.spec.distribution.time_zone)

    def as_lines(self, *, columns: int) -> list[str]:
        """Section by section: what, when, what it takes, and whether the portal has it."""
        return [*self._headline(), *histogram(self.timeline, columns=columns), *self._needs(), *self._verdict()]

    def _headline(self) -> list[str]:
        objects = ", ".join(f"{count} {kind}" for kind, count in self.plan.objects.items() if count)
        return [
            f"{self.spec.total_records} records ({objects}) in {len(self.plan.batches)} batches",
            f"from {iso_ms(self.start_ms)} to {iso_ms(self.end_ms)}, at most {self.plan.peak_per_minute} a minute",
        ]

    def _needs(self) -> list[str]:
        load, portal = self.demand.load, self.portal
        ten_seconds, day = (
            f"{calls} of {limit} ({percent_of(calls, limit)} %)"
            for calls, limit in (
                (load.calls_per_ten_seconds, portal.calls_per_ten_seconds),
                (load.calls_per_day, portal.calls_per_day),
            )
        )
        return [
            f"HubSpot   {load.calls} calls; {ten_seconds} in the fullest ten seconds, {day} in the fullest day",
            "model     no calls, no tokens: the content comes from Faker",
            f"workers   {self.workers_at_peak} at the peak; the operator asks for them {WORKER_LEAD_SECONDS} s ahead, up to worker.maximum",
        ]

    def _verdict(self) -> list[str]:
        """What does it each on a line of its own: that is what is copied from here."""
        limits = "(the portal's limits are those of --calls-per-10s and --calls-per-day; no cluster was asked for them)"
        if self.feasibility.holds:
            return ["feasible", limits]
        said, _, _ = self.feasibility.message.partition(" Would do: ")
        each = remedies(self.demand.load, self.portal, self.demand.advice)
        return [f"NOT feasible: {said}", "Each of these alone would do:", *(f"  {remedy}" for remedy in each), limits]


def preview(spec: Spec, limits: Limits, *, now_ms: int, seed: int | None = None) -> Preview:
    """Without startTime the run begins at `now_ms`, without `seed` it has the spec's, or 0 where the uid would give it.

    Raises SpecError where nothing would be planned.
    """
    used = (spec.seed or 0) if seed is None else seed
    run = planned(spec, now_ms=now_ms, seed=used)
    portal = Portal(
        name=spec.portal, calls_per_ten_seconds=limits.ten_seconds, calls_per_day=limits.day, allowed_namespaces=(ANY_NAMESPACE,)
    )
    return Preview(
        spec=spec,
        plan=run.plan,
        start_ms=run.start_ms,
        end_ms=run.start_ms + run.window_ms,
        portal=portal,
        demand=demand_of(spec, load_of(spec, run.plan, seed=used), portal, start_ms=run.start_ms, window_ms=run.window_ms, seed=used),
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
    return Planned(make_plan(spec, start_ms=start_ms, window_ms=window_ms, seed=seed), start_ms, window_ms)
