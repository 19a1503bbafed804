"""What watch shows of a Simulation at one moment: as a screen for a terminal, and as a line for anything else. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from simulation_cli import summary
from simulation_cli.drawing.terminal import bar, overlay, table
from simulation_cli.resource import ClusterSimulation
from simulation_cli.summary import NOTHING, until
from simulation_core.clock import iso_seconds
from simulation_core.durations import in_words

COLOURS = {"Running": "green", "Completed": "bold green", "Failed": "bold red", "Cancelled": "yellow", "Suspended": "yellow"}
_SLOW = 1.0  # records a second, below which the minute is the better unit


@dataclass(frozen=True)
class Rate:
    """How many records were delivered lately."""

    records: int
    within_ms: int

    @property
    def per_second(self) -> float:
        return 1000 * self.records / self.within_ms


@dataclass(frozen=True, kw_only=True)
class Moment:
    simulation: ClusterSimulation
    now_ms: int
    rate: Rate | None = None  # None: not known yet
    workers: str = NOTHING

    def as_json(self) -> dict[str, Any]:
        return {
            **summary.as_json(self.simulation, now_ms=self.now_ms),
            "dueByNow": None if (due := self._due()) is None else int(due),
            "recordsPerSecond": None if self.rate is None else round(self.rate.per_second, 3),
            "workers": self.workers,
            "timeline": self.simulation.status.get("timeline"),
        }

    def as_line(self) -> str:
        """For logs and pipes."""
        simulation = self.simulation
        eta = until(simulation.moment_ms("estimatedCompletionTime"), self.now_ms)
        left = f", {eta} left" if eta not in {NOTHING, "now"} else ""
        counts = f"{simulation.count('recordsProcessed')} of {simulation.total}, {simulation.count('recordsFailed')} failed"
        phase, percent = summary.phase(simulation) or "New", summary.percent(simulation)
        return f"{iso_seconds(self.now_ms)} {simulation.name} {phase} {percent}% ({counts}{left}): {simulation.message}"

    def as_rich(self, *, columns: int) -> RenderableType:
        simulation = self.simulation
        phase = summary.phase(simulation) or "New"
        head = Text.assemble((str(simulation), "bold"), "  ", (phase, COLOURS.get(phase, "")))
        parts = (Text(), self._bar(columns), *self._curve(columns), Text(), *self._figures(), *self._failures())
        return Group(head, Text(simulation.message), *parts)

    def _bar(self, columns: int) -> Text:
        width = max(10, min(60, columns - 40))
        simulation = self.simulation
        words = (("recordsFailed", "failed"), ("recordsSkipped", "skipped"))
        others = "".join(f", {count:,} {word}" for field, word in words if (count := simulation.count(field)))
        counts = f"{simulation.count('recordsProcessed'):,} of {simulation.total:,} records{others}"
        return Text.assemble((bar(summary.settled(simulation), width), "green"), f" {summary.percent(simulation):>3}%  {counts}")

    def _curve(self, columns: int) -> list[Text]:
        planned, delivered = self.simulation.timeline("planned"), self.simulation.timeline("delivered")
        if planned is None or delivered is None:
            return []
        caption = f"records in each {planned.bucket_in_words} (times in {planned.zone}): █ delivered, ░ planned, ▓ more than planned"
        lines = [Text(line) for line in overlay(planned, delivered.counts, columns=columns)]
        for line in lines[:-3]:
            line.highlight_regex(r"[▁▂▃▄▅▆▇█]+", "green")
            line.highlight_regex(r"░+", "blue")
            line.highlight_regex(r"▓+", "yellow")
        return [Text(), Text(caption, style="dim"), *lines]

    def _figures(self) -> list[Text]:
        simulation, status = self.simulation, self.simulation.status
        eta_ms, end_ms = simulation.moment_ms("estimatedCompletionTime"), simulation.moment_ms("endTime")
        lateness = status.get("lateness")
        due = self._due()
        rows = [
            ("due by now", NOTHING if due is None else f"{int(due):,}; delivered {simulation.count('recordsProcessed'):,}"),
            ("rate", self._rate()),
            ("next record", until(simulation.moment_ms("nextRecordTime"), self.now_ms)),
            ("end", NOTHING if (end := eta_ms or end_ms) is None else f"{iso_seconds(end)}{_left(end, self.now_ms)}"),
            ("lateness", _lateness(lateness) if lateness else NOTHING),
            ("workers", self.workers),
        ]
        some = (("content", summary.content(simulation)), ("archived", summary.archived(simulation)))
        return [Text(line) for line in table([*rows, *((name, said) for name, said in some if said is not None)])]

    def _failures(self) -> list[Text]:
        failures = self.simulation.status.get("failures") or ()
        return [Text(f"failed: record {each.get('record')}: {each.get('reason')}: {each.get('message')}", style="red") for each in failures]

    def _due(self) -> float | None:
        planned = self.simulation.timeline("planned")
        return None if planned is None else planned.until(self.now_ms)

    def _rate(self) -> str:
        if self.rate is None:
            return NOTHING
        said, planned = f"{_pace(self.rate.per_second)} in the last {in_words(self.rate.within_ms)}", self.simulation.timeline("planned")
        if planned is None:
            return said
        due = planned.until(self.now_ms) - planned.until(self.now_ms - self.rate.within_ms)
        return f"{said}; planned {_pace(1000 * due / self.rate.within_ms)}"


def _pace(per_second: float) -> str:
    return f"{per_second:,.1f} records/s" if per_second >= _SLOW else f"{per_second * 60:,.1f} records/min"


def _left(end_ms: int, now_ms: int) -> str:
    return f", {in_words((end_ms - now_ms) // 1000 * 1000)} left" if end_ms - now_ms >= 1000 else ""


def _lateness(lateness: dict[str, int]) -> str:
    p50, p99 = (in_words(max(0, lateness[key])) for key in ("p50Milliseconds", "p99Milliseconds"))
    return f"half of the records within {p50}, 99 % within {p99}"
