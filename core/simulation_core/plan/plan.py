"""A plan: every record's due time, the batches they travel in, and the figures a person wants to see. Same input, same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import PlanVersionError, SpecError
from simulation_core.plan.batches import Batches, in_batches
from simulation_core.plan.contacts import total_contacts
from simulation_core.plan.deals import total_deals
from simulation_core.plan.peaks import MINUTE_MS, most_within
from simulation_core.plan.times import due_offsets
from simulation_core.spec import Scenario, Spec
from simulation_core.spec_rules import TOO_MANY_RECORDS

PLAN_VERSION = 1
"""Raised whenever the same spec and seed would give another plan; a stored run keeps the version it was accepted with."""

# How each version computes due times. An old one stays here, with what it needs, for as long as a run planned with it may be resumed.
_DUE_OFFSETS = {1: due_offsets}

TIMELINE_BUCKETS = 40


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Offsets are milliseconds from the start, one a record, non-decreasing, 0 … window."""

    offsets_ms: NDArray[np.int64]
    batches: Batches
    histogram: tuple[int, ...]  # records due in each of 40 equal parts of the window
    peak_per_minute: int  # most records due within any 60 s
    objects: Mapping[str, int]  # companies, contacts, deals to be created


def make_plan(spec: Spec, *, start_ms: int, window_ms: int, seed: int, version: int = PLAN_VERSION) -> Plan:
    """The plan of `spec` for the `window_ms` milliseconds from `start_ms` (Unix epoch) on.

    Memory: 8 bytes a record, at most 18 a batch, and a few MB. Raises SpecError where the window has fewer milliseconds than records or
    the density leaves no moment of it, PlanVersionError for a version this build can't compute.
    """
    if spec.total_records > window_ms:  # where the start is not in the spec, only the resolved window shows it
        raise SpecError(TOO_MANY_RECORDS.field, TOO_MANY_RECORDS.message)
    if version not in _DUE_OFFSETS:
        known = ", ".join(map(str, _DUE_OFFSETS))
        raise PlanVersionError(f"plan version {version} is not known here (known: {known}): run the operator that accepted the Simulation")
    offsets = _DUE_OFFSETS[version](spec.distribution, records=spec.total_records, start_ms=start_ms, window_ms=window_ms, seed=seed)
    return Plan(
        offsets_ms=offsets,
        batches=in_batches(offsets, spec.tolerance_milliseconds),
        histogram=_histogram(offsets, window_ms),
        peak_per_minute=most_within(offsets, MINUTE_MS),
        objects=_objects(spec, seed),
    )


def _histogram(offsets_ms: NDArray[np.int64], window_ms: int) -> tuple[int, ...]:
    """Part k begins with the first whole millisecond at or after k/40 of the window; the last part includes the end."""
    edges = [-(-part * window_ms // TIMELINE_BUCKETS) for part in range(1, TIMELINE_BUCKETS)]
    beginnings = np.searchsorted(offsets_ms, edges, side="left")
    return tuple(np.diff(beginnings, prepend=0, append=len(offsets_ms)).tolist())


def _objects(spec: Spec, seed: int) -> Mapping[str, int]:
    deals = total_deals(seed, spec.total_records, spec.records.deals.percent)
    if spec.scenario is Scenario.B2C:
        return {"companies": 0, "contacts": spec.total_records, "deals": deals}
    contacts = total_contacts(seed, spec.total_records, spec.records.contacts_per_company)
    return {"companies": spec.total_records, "contacts": contacts, "deals": deals}
