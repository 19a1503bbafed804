"""A plan as a PNG: bars of records, their running total, and beside them what a cluster planned and delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from simulation_cli.drawing.timeline import Outline, Timeline, time_zone

SIZE_INCHES, DOTS_PER_INCH = (10, 5), 120
BARS, TOTAL, OTHERS = "#8db8e2", "#c2571a", ("#3c3c3c", "#1d7d34")
# By what tells neighbouring ticks apart: year, month, day, hour, minute, second; and at the first of each of them.
TICKS = ["%Y", "%b", "%a %d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f"]
ROUND_TICKS = ["", "%Y", "%a %d %b", "%a %d %b", "%H:%M", "%H:%M:%S"]
# A picture looks the same on every machine, whatever its matplotlibrc says; the figure's own canvas needs no display.
STYLE: Any = {"font.size": 10, "axes.titlesize": 13, "axes.titleweight": "bold", "axes.spines.top": False, "font.family": "DejaVu Sans"}


def write(target: BinaryIO, timeline: Timeline, *, title: str, outlines: Sequence[Outline] = ()) -> None:
    """Writes the picture to `target`."""
    with style.context(["default", STYLE]):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _bars(axes, timeline)
        for outline, colour in zip(outlines, OTHERS, strict=False):
            axes.stairs(outline.timeline.counts, _edges(outline.timeline), baseline=None, color=colour, linewidth=1.6, label=outline.label)
        total = _running_total(axes, timeline)
        _time_axis(axes, timeline)
        axes.set_title(title, loc="left", wrap=True)
        outlined, bars = axes.get_legend_handles_labels()[0][:-1], axes.get_legend_handles_labels()[0][-1]
        handles = [bars, *outlined, *total.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.savefig(target, format="png")


def _bars(axes: Axes, timeline: Timeline) -> None:
    edges = _edges(timeline)
    axes.bar(edges[:-1], timeline.counts, width=np.diff(edges), align="edge", color=BARS, edgecolor="white", linewidth=0.5, label="due")
    axes.set_ylabel(f"records in each {timeline.bucket_in_words}")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)


def _running_total(axes: Axes, timeline: Timeline) -> Axes:
    total = axes.twinx()
    until = np.concatenate(([0], np.cumsum(timeline.counts)))
    total.plot(_edges(timeline), 100 * until / max(1, until[-1]), color=TOTAL, linewidth=1.8, label="due until then (right)")
    total.set_ylim(0, 103)
    total.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    total.set_ylabel("of all records")
    return total


def _time_axis(axes: Axes, timeline: Timeline) -> None:
    zone = time_zone(timeline.zone)
    locator = AutoDateLocator(tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone, formats=TICKS, zero_formats=ROUND_TICKS, show_offset=False))
    first, last = (f"{timeline.day(moment)} {timeline.local(moment).year}" for moment in (timeline.start_ms, timeline.end_ms))
    axes.set_xlabel(f"{first if first == last else f'{first} to {last}'} ({timeline.zone})")
    axes.margins(x=0.01)


def _edges(timeline: Timeline) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The beginnings of the parts and the end of the last, as matplotlib counts time: in days since the epoch."""
    return np.linspace(timeline.start_ms, timeline.end_ms, len(timeline.counts) + 1) / 86_400_000
