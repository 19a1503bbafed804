"""What a plan asks of its portal and of the workers: calls and batches, counted as a delivery makes them, without retries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.batches import MAX_BATCH, Batches
from simulation_core.plan.chunks import CHUNK
from simulation_core.plan.contacts import contacts_for
from simulation_core.plan.deals import deals_for
from simulation_core.plan.peaks import DAY_MS, TEN_SECONDS_MS, most_within
from simulation_core.plan.plan import Plan
from simulation_core.spec import Range, Scenario, Spec

MAX_ASSOCIATIONS = 2_000
"""HubSpot's limit of associations in one batch call."""

BATCHES_PER_WORKER = 50
"""Batches that are due, or fall due within the lead, before another worker is asked for."""
WORKER_LEAD_SECONDS = 15
"""From asking for a worker to its first claim."""

Calls = NDArray[np.uint32]

_BATCHES_AT_ONCE = CHUNK // MAX_BATCH  # full ones have a stretch of records


@dataclass(frozen=True, kw_only=True)
class Load:
    calls: int  # of the whole run
    calls_per_ten_seconds: int  # most within any ten seconds
    calls_per_day: int  # most within any 24 hours
    batches_per_lead: int  # most that fall due within any WORKER_LEAD_SECONDS


def load_of(spec: Spec, plan: Plan, *, seed: int) -> Load:
    return load_of_batches(spec, plan.batches, seed=seed)


def load_of_batches(spec: Spec, batches: Batches, *, seed: int) -> Load:
    """Memory: 4 bytes a batch and a few MB, for as long as it takes."""
    due, reached = batches.offset_ms, calls_reached(spec, batches, seed=seed)
    return Load(
        calls=int(reached[-1]),
        calls_per_ten_seconds=most_within(due, TEN_SECONDS_MS, reached),
        calls_per_day=most_within(due, DAY_MS, reached),
        batches_per_lead=most_within(due, WORKER_LEAD_SECONDS * 1000),
    )


def calls_reached(spec: Spec, batches: Batches, *, seed: int) -> Calls:
    """How many calls were made before each batch, and one entry more: all of them. At most 109 a batch, so 32 bits hold 10,000,000."""
    reached = np.zeros(len(batches) + 1, dtype=np.uint32)
    for begin in range(0, len(batches), _BATCHES_AT_ONCE):
        end = min(begin + _BATCHES_AT_ONCE, len(batches))
        reached[begin + 1 : end + 1] = _calls(spec, batches.first_record[begin:end], batches.count[begin:end], seed)
    return np.cumsum(reached, out=reached)


def _calls(spec: Spec, first_record: NDArray[np.int64], count: NDArray[np.int16], seed: int) -> NDArray[np.int64]:
    """Of each batch: calls of up to 100 companies, contacts and deals, and of up to 2,000 pairs of them that are joined."""
    is_b2b = spec.scenario is Scenario.B2B
    wanted = spec.records.contacts_per_company if is_b2b else Range()
    contacts = _per_batch(lambda records: contacts_for(seed, records, wanted.min, wanted.max), wanted, first_record, count)
    calls: NDArray[np.int64] = -(-contacts // MAX_BATCH)
    if is_b2b:
        calls += 1 - (-contacts // MAX_ASSOCIATIONS)
    if percent := spec.records.deals.percent:
        deals = _per_batch(lambda records: deals_for(seed, records, percent).astype(np.int64), None, first_record, count)
        calls += np.where(deals > 0, 2 if is_b2b else 1, 0)  # they, and with whose companies they are joined
        if not wanted.min:  # then some have no contact that their deal could be joined with
            deals = _per_batch(
                lambda records: deals_for(seed, records, percent).astype(np.int64) * contacts_for(seed, records, wanted.min, wanted.max),
                None,
                first_record,
                count,
            )
        calls += deals > 0
    return calls


def _per_batch(
    of: Callable[[NDArray[np.int64]], NDArray[np.int64]], same: Range | None, first_record: NDArray[np.int64], count: NDArray[np.int16]
) -> NDArray[np.int64]:
    """The sum over each batch's records; where all have the `same`, without looking at them."""
    if same is not None and same.min == same.max:
        return count.astype(np.int64) * same.min
    records = np.arange(first_record[0], first_record[-1] + count[-1], dtype=np.int64)
    sums: NDArray[np.int64] = np.add.reduceat(of(records), first_record - first_record[0])
    return sums


def workers_for(batches: int, batches_per_worker: int = BATCHES_PER_WORKER) -> int:
    return math.ceil(batches / batches_per_worker)
