"""What a spec comes to: the plan the operator would store, beside the portal's limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from simulation_cli.drawing import Timeline
from simulation_cli.drawing.bins import timeline_of
from simulation_cli.drawing.terminal import histogram
from simulation_core.clock import iso_ms, to_ms
from simulation_core.errors import SpecError
from simulation_core.ledger.preparing import RECORDS_A_PAGE
from simulation_core.plan import Plan, make_plan
from simulation_core.plan.advice import demand_of
from simulation_core.plan.feasibility import Demand, Feasibility, feasible, percent_of, percent_words, remedies
from simulation_core.plan.load import WORKER_LEAD_SECONDS, load_of, workers_for
from simulation_core.plan.times import working_share
from simulation_core.portals import ANY_NAMESPACE, TIERS, Portal
from simulation_core.spec import Method, MissedRecords, Source, Spec

_MARGIN = 10  # of a picture in text: scale and axis
_MOSTLY = 0.995
TOKENS_A_QUESTION, TOKENS_A_RECORD = 900, 130  # as models with OpenAI's tokens need them, for a company with a contact
_MISSED = {
    MissedRecords.CATCH_UP: "would be delivered at once",
    MissedRecords.SKIP: "would be skipped",
    MissedRecords.SHIFT: "would move the whole plan, so that the first of them is due then",
}


@dataclass(frozen=True)
class Limits:
    """HubSpot calls the portal allows."""

    ten_seconds: int
    day: int


class Tier(StrEnum):
    """Those of TIERS, for the command line."""

    FREE = "free"
    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


def limits_of(tier: Tier, ten_seconds: int | None, day: int | None) -> Limits:
    """The tier's, unless others are given."""
    of_tier = TIERS[tier]
    return Limits(ten_seconds=of_tier[0] if ten_seconds is None else ten_seconds, day=of_tier[1] if day is None else day)


@dataclass(frozen=True, kw_only=True)
class Preview:
    spec: Spec
    plan: Plan
    start_ms: int
    end_ms: int
    portal: Portal
    seed: int
    now_ms: int

    @cached_property
    def demand(self) -> Demand:
        """Only for who asks: where the limits are exceeded it takes several plans more, and neither times nor a picture need it."""
        load, window_ms = load_of(self.spec, self.plan, seed=self.seed), self.end_ms - self.start_ms
        return demand_of(self.spec, load, self.portal, start_ms=self.start_ms, window_ms=window_ms, seed=self.seed)

    @property
    def feasibility(self) -> Feasibility:
        return feasible(self.demand, self.portal, called="the portal")

    @property
    def notes(self) -> list[str]:
        """What else a person should know before applying the file."""
        from simulation_core.content.faker_source import note_of  # noqa: PLC0415 - only now: Faker takes a while to load

        found = []
        if self.end_ms <= self.now_ms:
            found.append("the window is over: applied now, the Simulation would fail with reason WindowPassed")
        elif missed := int(np.searchsorted(self.plan.offsets_ms, self.now_ms - self.start_ms, side="left")):
            found.append(f"{missed} records were due before now: applied now, they {_MISSED[self.spec.missed_records]} (missedRecords)")
        kept = working_share(self.spec.distribution, start_ms=self.start_ms, window_ms=self.end_ms - self.start_ms)
        if self.spec.distribution.method is not Method.BUSINESS_HOURS and kept < _MOSTLY:
            found.append(f"only {kept:.0%} of the method's shape lies in working time; all records fall into that part")
        if (of_locale := note_of(self.spec.content.locale)) is not None:
            found.append(of_locale)
        return found

    @property
    def workers_at_peak(self) -> int:
        return workers_for(self.demand.load.batches_per_lead)

    @property
    def model_calls(self) -> int:
        """Questions to a language model, none of them repeated."""
        return -(-self.spec.total_records // RECORDS_A_PAGE) if self.spec.content.source is Source.OPENAI else 0

    @property
    def model_tokens(self) -> int:
        """About so many; maxTokens ends it."""
        tokens = 0 if self.model_calls == 0 else self.model_calls * TOKENS_A_QUESTION + self.spec.total_records * TOKENS_A_RECORD
        return min(tokens, self.spec.content.max_tokens or tokens)

    def _model_words(self) -> str:
        match self.spec.content.source:
            case Source.OPENAI:
                return f"{self.model_calls} calls, about {self.model_tokens} tokens, more with a model that thinks first"
            case Source.FAKER:
                return "no calls, no tokens: the content comes from Faker"
            case None:
                return "no calls, no tokens: the content comes from Faker, unless the installation has a model and lets it write by default"

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
            "model": {"calls": self.model_calls, "tokens": self.model_tokens},
            "workersAtPeak": self.workers_at_peak,
            "feasible": verdict.holds,
            "reason": verdict.reason.value,
            "message": verdict.message,
            "notes": self.notes,
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
        picture = self.drawn(at_most=max(24, min(96, (columns - _MARGIN) // 2)))
        return [*self._headline(), *histogram(picture, columns=columns), *self._needs(), *self._verdict(), *self._notes()]

    def drawn(self, *, at_most: int) -> Timeline:
        """For a picture: parts that begin on the local clock."""
        zone = self.spec.distribution.time_zone
        return timeline_of(self.plan.offsets_ms, start_ms=self.start_ms, end_ms=self.end_ms, zone=zone, at_most=at_most)

    def _headline(self) -> list[str]:
        objects = ", ".join(f"{count} {kind}" for kind, count in self.plan.objects.items() if count)
        return [
            f"{self.spec.total_records} records ({objects}) in {len(self.plan.batches)} batches",
            f"from {iso_ms(self.start_ms)} to {iso_ms(self.end_ms)}, at most {self.plan.peak_per_minute} a minute",
        ]

    def _needs(self) -> list[str]:
        load, portal = self.demand.load, self.portal
        ten_seconds, day = (
            f"{calls} of {limit} ({percent_words(calls, limit)})"
            for calls, limit in (
                (load.calls_per_ten_seconds, portal.calls_per_ten_seconds),
                (load.calls_per_day, portal.calls_per_day),
            )
        )
        return [
            f"HubSpot   {load.calls} calls; {ten_seconds} in the fullest ten seconds, {day} in the fullest day",
            f"model     {self._model_words()}",
            f"workers   {self.workers_at_peak} at the peak; the operator asks for them {WORKER_LEAD_SECONDS} s ahead, up to worker.maximum",
        ]

    def _verdict(self) -> list[str]:
        """What does it each on a line of its own: that is what is copied from here."""
        portal = self.portal
        limits = (
            f"(with {portal.calls_per_ten_seconds} calls in ten seconds and {portal.calls_per_day} a day, as --tier or --calls-per-10s and "
            "--calls-per-day say, and nobody else on the portal; no cluster was asked)"
        )
        if self.feasibility.holds:
            return ["feasible", limits]
        said, _, _ = self.feasibility.message.partition(" Would do: ")
        each = remedies(self.demand.load, self.portal, self.demand.advice)
        return [f"NOT feasible: {said}", "Each of these alone would do:", *(f"  {remedy}" for remedy in each), limits]

    def _notes(self) -> list[str]:
        return [f"note: {note}" for note in self.notes]


def preview(spec: Spec, limits: Limits, *, now_ms: int, clock_ms: int, seed: int | None = None) -> Preview:
    """Without startTime the run begins at `now_ms`, without `seed` it has the spec's, or 0 where the uid would give it.

    `clock_ms` is now indeed: what was due before it is told.

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
        seed=used,
        now_ms=clock_ms,
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
