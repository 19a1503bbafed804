"""What a plan asks of its portal and of the workers: calls and batches, counted as a delivery makes them, without retries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.batches import MAX_BATCH, Batches
from simulation_core.plan.chunks import chunks
from simulation_core.plan.contacts import contacts_for
from simulation_core.plan.peaks import DAY_MS, TEN_SECONDS_MS, most_within
from simulation_core.plan.plan import Plan
from simulation_core.spec import Scenario, Spec

MAX_ASSOCIATIONS = 2_000
"""HubSpot's limit of associations in one batch call."""

BATCHES_PER_WORKER = 50
"""Batches that are due, or fall due within the lead, before another worker is asked for."""
WORKER_LEAD_SECONDS = 15
"""From asking for a worker to its first claim."""

Calls = NDArray[np.uint32]


@dataclass(frozen=True, kw_only=True)
class Load:
    calls: int  # of the whole run
    calls_per_ten_seconds: int  # most within any ten seconds
    calls_per_day: int  # most within any 24 hours
    batches_per_lead: int  # most that fall due within any WORKER_LEAD_SECONDS


def load_of(spec: Spec, plan: Plan, *, seed: int) -> Load:
    """Memory: at most 8 bytes a batch and 3 a record, for as long as it takes."""
    due, reached = plan.batches.offset_ms, calls_reached(spec, plan.batches, seed=seed)
    return Load(
        calls=int(reached[-1]),
        calls_per_ten_seconds=most_within(due, TEN_SECONDS_MS, reached),
        calls_per_day=most_within(due, DAY_MS, reached),
        batches_per_lead=most_within(due, WORKER_LEAD_SECONDS * 1000),
    )


def calls_reached(spec: Spec, batches: Batches, *, seed: int) -> Calls:
    """How many calls were made before each batch, and one entry more: all of them. At most 106 a batch, so 32 bits hold 10,000,000."""
    reached = np.zeros(len(batches) + 1, dtype=np.uint32)
    if spec.scenario is Scenario.B2C:
        reached[1:] = 1
    else:
        contacts = _contacts_a_batch(spec, batches, seed)
        # one for up to 100 companies; the contacts; what joins them
        reached[1:] = 1 + -(-contacts // MAX_BATCH) + -(-contacts // MAX_ASSOCIATIONS)
    return np.cumsum(reached, out=reached)


def workers_for(batches: int, batches_per_worker: int = BATCHES_PER_WORKER) -> int:
    return math.ceil(batches / batches_per_worker)


def _contacts_a_batch(spec: Spec, batches: Batches, seed: int) -> NDArray[np.int32]:
    wanted = spec.records.contacts_per_company
    if wanted.min == wanted.max:
        return batches.count.astype(np.int32) * wanted.min
    counts = np.empty(spec.total_records, dtype=np.uint8)
    for begin, end in chunks(spec.total_records):
        counts[begin:end] = contacts_for(seed, np.arange(begin, end, dtype=np.int64), wanted.min, wanted.max)
    sums: NDArray[np.int32] = np.add.reduceat(counts, batches.first_record, dtype=np.int32)
    return sums
