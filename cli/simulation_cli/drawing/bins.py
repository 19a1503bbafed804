"""Parts of time for a picture: round lengths that begin on the local clock, so that equal days and equal bursts look equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_cli.drawing.timeline import Timeline, time_zone
from simulation_core.clock import from_ms

_SECOND_MS, _MINUTE_MS, _HOUR_MS, _DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
LENGTHS_MS = (
    *(step * power for power in (1, 10, 100) for step in (1, 2, 5)),
    *(count * _SECOND_MS for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE_MS for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR_MS for count in (1, 2, 3, 4, 6, 8, 12)),
    *(count * _DAY_MS for count in (1, 2, 7, 14, 28, 91, 182, 364)),
)


def timeline_of(offsets_ms: NDArray[np.int64], *, start_ms: int, end_ms: int, zone: str, at_most: int) -> Timeline:
    """Records due in each part, of which there are at most about `at_most`.

    The first part may begin before the window, the last end after it. Parts are equally long; where the clock is changed within the
    window, those after the change begin an hour off.
    """
    length_ms = next((each for each in LENGTHS_MS if (end_ms - start_ms) / each <= at_most), LENGTHS_MS[-1])
    first = _rounded_down(start_ms, length_ms, zone)
    parts = max(1, -(-(end_ms - first) // length_ms))
    part = np.minimum((offsets_ms + (start_ms - first)) // length_ms, parts - 1)  # a record at the very end belongs to the last
    counts = np.bincount(part, minlength=parts)
    return Timeline(counts=tuple(counts.tolist()), start_ms=first, end_ms=first + parts * length_ms, zone=zone)


def _rounded_down(moment_ms: int, length_ms: int, zone: str) -> int:
    """To a multiple of the length since local midnight; what is longer than a day begins at a local midnight."""
    local = from_ms(moment_ms).astimezone(time_zone(zone))
    since_midnight_ms = ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + local.microsecond // 1000
    return moment_ms - since_midnight_ms % min(length_ms, _DAY_MS)
