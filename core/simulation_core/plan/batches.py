"""Records into batches: consecutive, within the tolerance, at most what HubSpot takes in one call."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.chunks import chunks

MAX_BATCH = 100
"""HubSpot's limit of inputs in one batch call."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """One entry a batch, in order. A batch is due at its LAST record's offset: nothing is ever early."""

    first_record: NDArray[np.int64]
    count: NDArray[np.int16]
    offset_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.count)


def in_batches(offsets_ms: NDArray[np.int64], tolerance_ms: int) -> Batches:
    """Greedy: a batch takes records until the next lies more than `tolerance_ms` after its first, or it is full.

    So batching alone makes no record later than the tolerance, and no partition has fewer batches. A tolerance of 0 means one record
    a batch, also where records share a millisecond. `offsets_ms` must be non-decreasing. Linear in the number of records, but for a
    binary search each.
    """
    records = len(offsets_ms)
    if tolerance_ms == 0:
        return Batches(first_record=np.arange(records, dtype=np.int64), count=np.ones(records, dtype=np.int16), offset_ms=offsets_ms)
    first = _firsts(offsets_ms, tolerance_ms)
    last = np.append(first[1:], records) - 1
    return Batches(first_record=first, count=(last - first + 1).astype(np.int16), offset_ms=offsets_ms[last])


def _firsts(offsets_ms: NDArray[np.int64], tolerance_ms: int) -> NDArray[np.int64]:
    """The first record of each batch. Each depends on the one before: a plain loop, over successors found a stretch at a time."""
    firsts = array("q")
    at = 0
    for begin, end in chunks(len(offsets_ms)):
        in_reach = offsets_ms[begin : end + MAX_BATCH]  # no batch reaches further
        within = np.searchsorted(in_reach, offsets_ms[begin:end] + tolerance_ms, side="right")
        successor = begin + np.minimum(within, np.arange(end - begin) + MAX_BATCH)
        while at < end:
            firsts.append(at)
            at = successor.item(at - begin)
    return np.frombuffer(firsts, dtype=np.int64)
