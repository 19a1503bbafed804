"""The fullest stretch of a timetable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.chunks import chunks

TEN_SECONDS_MS = 10_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def most_within(offsets_ms: NDArray[np.int64], width_ms: int, reached: NDArray[np.uint32] | None = None) -> int:
    """The most that falls into any `width_ms` milliseconds (the last one out). `offsets_ms` is non-decreasing and not empty.

    Each entry counts 1, or, with `reached` (one longer, from 0), what the running total grows by. A fullest stretch begins with an entry,
    so only those are looked at.
    """

    def fullest(begin: int, end: int) -> int:
        beyond = np.searchsorted(offsets_ms, offsets_ms[begin:end] + width_ms, side="left")
        if reached is None:
            return int((beyond - np.arange(begin, end)).max())
        return int((reached[beyond] - reached[begin:end]).max())

    return max(fullest(begin, end) for begin, end in chunks(len(offsets_ms)))
