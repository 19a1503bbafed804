"""Bars of block characters: they need neither colour nor a terminal, so the text may be piped, mailed or pasted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from simulation_cli.drawing.timeline import Timeline

EIGHTHS = " ▁▂▃▄▅▆▇█"
SIDEWAYS = " ▏▎▍▌▋▊▉█"
EMPTY, STILL_TO_COME, AHEAD_OF_PLAN = "·", "░", "▓"
ROWS = 8


def histogram(timeline: Timeline, *, rows: int = ROWS, columns: int = 100) -> list[str]:
    """The lines of a bar chart `rows` high, at most `columns` wide: each bucket two characters wide, or one where that is too much.

    Only an empty bucket is blank: the smallest one is an eighth of a row high.
    """
    highest = max(timeline.counts)
    scale = _scale(highest, rows)
    margin = max(map(len, scale))
    wide = 2 if margin + 2 + 2 * len(timeline.counts) <= columns else 1
    heights = [_eighths(count, highest, rows) for count in timeline.counts]
    bars = [
        f"{label:>{margin}} {'┤' if label else '│'}" + "".join(_cell(height, row) * wide for height in heights)
        for row, label in zip(reversed(range(rows)), scale, strict=True)
    ]
    zone = "times in UTC" if timeline.zone == "UTC" else f"times in {timeline.zone}"
    axis = time_axis(timeline, wide * len(timeline.counts))
    return [
        f"records in each {timeline.bucket_in_words} ({zone})",
        *(line.rstrip() for line in bars),
        *(f"{label:>{margin}} {line}".rstrip() for label, line in zip(("0", "", ""), axis, strict=True)),
    ]


def row(counts: Sequence[float], highest: float) -> str:
    """Bars one row high, one character a count, on the scale of `highest`."""
    return "".join(_cell(_eighths(count, highest, 1), 0) for count in counts)


def bar(share: float, width: int) -> str:
    """`share`, 0 to 1, of a line `width` long; full only for all of it."""
    eighths = math.floor(max(0.0, min(1.0, share)) * width * 8)
    whole, part = divmod(eighths, 8)
    return (SIDEWAYS[8] * whole + (SIDEWAYS[part] if part else "")).ljust(width, EMPTY)


def overlay(planned: Timeline, delivered: Sequence[int], *, rows: int = ROWS, columns: int = 100) -> list[str]:
    """What was delivered, in full, before what is planned, shaded. What was delivered beyond a bucket's plan is darker."""
    highest = max(1, *planned.counts, *delivered)
    scale = _scale(highest, rows)
    margin = max(map(len, scale))
    wide = 2 if margin + 2 + 2 * len(planned.counts) <= columns else 1
    heights = [(_eighths(due, highest, rows), _eighths(done, highest, rows)) for due, done in zip(planned.counts, delivered, strict=True)]
    bars = [
        f"{label:>{margin}} {'┤' if label else '│'}" + "".join(_both(due, done, row) * wide for due, done in heights)
        for row, label in zip(reversed(range(rows)), scale, strict=True)
    ]
    axis = time_axis(planned, wide * len(planned.counts))
    return [
        *(line.rstrip() for line in bars),
        *(f"{label:>{margin}} {line}".rstrip() for label, line in zip(("0", "", ""), axis, strict=True)),
    ]


def _both(due: int, done: int, row: int) -> str:
    """One cell: done in front of due."""
    if done > 8 * row:
        return AHEAD_OF_PLAN if due <= 8 * row else _cell(done, row)
    return STILL_TO_COME if due > 8 * row else " "


def table(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of columns as wide as their widest cell, two blanks apart, as kubectl prints them."""
    texts = [[str(cell) for cell in cells] for cells in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in texts]


def _eighths(count: float, highest: float, rows: int) -> int:
    """A bar's height in eighths of a row; more than nothing for more than nothing."""
    return math.ceil(round(count * rows * 8 / highest, 6)) if highest else 0


def _cell(eighths: int, row: int) -> str:
    return EIGHTHS[min(8, max(0, eighths - 8 * row))]


def _scale(highest: int, rows: int) -> list[str]:
    """A label for each row, from the top: the highest count, and half of it where that is a number of records."""
    labels = [""] * rows
    labels[0] = str(highest)
    if highest > 1 and highest % 2 == 0 and rows % 2 == 0 and rows > 2:
        labels[rows // 2] = str(highest // 2)
    return labels


def time_axis(timeline: Timeline, width: int) -> tuple[str, str, str]:
    """The axis with marks at start, middle and end, and below it their times and days."""
    moments = timeline.start_ms, (timeline.start_ms + timeline.end_ms) / 2, timeline.end_ms
    ticks = "├" + "─" * (width // 2 - 1) + "┼" + "─" * (width - width // 2 - 1) + "┤"
    times = _spread([timeline.time_of_day(moment) for moment in moments], width)
    days = [timeline.day(moment) for moment in moments]
    shown = [day if index == 0 or day != days[index - 1] else "" for index, day in enumerate(days)]
    return ticks, times, _spread(shown, width)


def _spread(labels: Sequence[str], width: int) -> str:
    """Left, centred and right, under the marks."""
    left, middle, right = labels
    line = left.ljust((width + 2 - len(middle)) // 2) + middle
    return line.ljust(width + 2 - len(right) - 1) + right
