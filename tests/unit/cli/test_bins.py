"""Parts of a picture begin on the local clock and have round lengths, so that what is equal looks equal."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from simulation_cli.drawing.bins import LENGTHS_MS, timeline_of
from simulation_core.plan.times import due_offsets
from simulation_core.spec import parse_spec

HOUR_MS = 3_600_000


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("minute", [0, 7, 30, 59])
def test_equal_days_look_equal_whenever_the_window_begins(minute: int) -> None:
    spike = {"method": "DailySpike", "dailySpike": {"hour": 9, "widthMinutes": 1, "backgroundPercent": 0}, "timeZone": "America/New_York"}
    distribution = parse_spec({"scenario": "B2C", "totalRecords": 1, "durationSeconds": 1, "distribution": spike}).distribution
    start_ms, window_ms = moment(f"2026-12-01T06:{minute:02}:13-05:00"), 7 * 24 * HOUR_MS
    offsets = due_offsets(distribution, records=7_000, start_ms=start_ms, window_ms=window_ms, seed=1)
    drawn = timeline_of(offsets, start_ms=start_ms, end_ms=start_ms + window_ms, zone="America/New_York", at_most=96)
    assert sum(drawn.counts) == 7_000
    days = np.array(drawn.counts)[np.array(drawn.counts) > 0]
    assert len(days) % 7 == 0  # nine o'clock is the edge of two parts, on each day
    assert np.ptp(days.reshape(7, -1), axis=0).max() <= 2


@pytest.mark.parametrize("length_ms", [1, 999, 4_000, 60_000, 86_400_000, 14 * 86_400_000, 365 * 86_400_000, 10 * 366 * 86_400_000])
def test_all_records_are_in_it_and_the_parts_cover_the_window(length_ms: int) -> None:
    start_ms = moment("2026-12-01T08:13:27.123+00:00")
    offsets = np.array([0, length_ms // 2, length_ms], dtype=np.int64)
    drawn = timeline_of(offsets, start_ms=start_ms, end_ms=start_ms + length_ms, zone="Asia/Kathmandu", at_most=40)
    assert sum(drawn.counts) == 3
    assert drawn.start_ms <= start_ms < start_ms + length_ms <= drawn.end_ms
    assert len(drawn.counts) <= 42
    assert drawn.bucket_ms in LENGTHS_MS
    assert drawn.local(drawn.start_ms).second * 1000 % min(drawn.bucket_ms, 60_000) == 0
