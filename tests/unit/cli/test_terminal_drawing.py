"""Bars in the terminal: literally what a person sees."""

from __future__ import annotations

import pytest

from simulation_cli.drawing import Timeline
from simulation_cli.drawing.terminal import histogram, row

DECEMBER_MS = 1_796_112_000_000  # 2026-12-01T08:00:00Z, a Tuesday
HOUR_MS = 3_600_000


def timeline(counts: tuple[int, ...], *, hours: float, zone: str = "UTC") -> Timeline:
    return Timeline(counts=counts, start_ms=DECEMBER_MS, end_ms=DECEMBER_MS + round(hours * HOUR_MS), zone=zone)


def test_a_histogram_has_a_scale_bars_and_the_local_times_of_start_middle_and_end() -> None:
    rising = timeline((0, 1, 3, 4, 8, 12, 16, 0, 0, 0, 0, 0, 0, 0, 0, 2), hours=48, zone="Europe/Berlin")
    assert histogram(rising, rows=4) == [
        "records in each 3 h (times in Europe/Berlin)",
        "16 ┤            ██",
        "   │          ████",
        " 8 ┤        ██████",
        "   │  ▂▂▆▆████████                ▄▄",
        " 0 ├───────────────┼───────────────┤",
        "   09:00         09:00         09:00",
        "   Tue 1 Dec   Wed 2 Dec   Thu 3 Dec",
    ]


def test_the_smallest_bucket_shows_and_an_empty_one_is_blank() -> None:
    lines = histogram(timeline((1, 0, 10_000_000), hours=3), rows=2)
    assert lines[1:3] == ["10000000 ┤    ██", "         │▁▁  ██"]


def test_buckets_are_one_character_wide_where_two_would_not_fit() -> None:
    forty = timeline((5,) * 40, hours=40)  # half of five is no number of records: the scale is one digit wide
    assert max(map(len, histogram(forty, columns=100))) == 83
    assert max(map(len, histogram(forty, columns=80))) == 43
    assert "█" * 40 in histogram(forty, columns=80)[1]


@pytest.mark.parametrize(
    ("hours", "times"),
    [
        (0.0005, "08:00:00.000"),
        (1, "08:00:00"),
        (3, "08:00"),
    ],
)
def test_times_are_as_precise_as_the_window_needs(hours: float, times: str) -> None:
    assert histogram(timeline((1,) * 40, hours=hours))[-2].split()[0] == times


def test_a_day_is_named_once() -> None:
    assert histogram(timeline((1,) * 40, hours=3))[-1].split() == ["Tue", "1", "Dec"]


def test_the_clock_change_shows_in_the_times() -> None:
    """Germany's clocks went back on 25 October 2026 at 03:00."""
    start_ms = 1_792_879_200_000  # 2026-10-25T00:00 in Berlin
    night = Timeline(counts=(1,) * 40, start_ms=start_ms, end_ms=start_ms + 8 * HOUR_MS, zone="Europe/Berlin")
    assert histogram(night)[-2].split() == ["00:00", "03:00", "07:00"]


def test_rows_of_bars_share_a_scale() -> None:
    assert row([0, 1, 4, 8], 8) == " ▁▄█"
    assert row([0, 0], 0) == "  "


def test_counts_move_to_another_window_and_none_is_lost() -> None:
    counted = timeline((4, 8), hours=2)
    assert counted.over(counted.start_ms, counted.end_ms, 4) == (2, 2, 4, 4)
    assert counted.over(counted.start_ms - 2 * HOUR_MS, counted.end_ms, 2) == (0, 12)
