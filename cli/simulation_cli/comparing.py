"""A manifest beside a Simulation in the cluster: which fields differ, and what each of the two comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulation_cli.drawing import Outline, Timeline
from simulation_cli.drawing.terminal import row, table, time_axis
from simulation_cli.exits import CommandError
from simulation_cli.planning import Limits, Preview, preview
from simulation_cli.resource import ClusterSimulation
from simulation_core.clock import iso_ms
from simulation_core.errors import SpecError
from simulation_core.spec import FROZEN_FIELDS, Spec, parse_spec

NOTHING = "–"
BUCKETS = 40
_MARGIN = 10
_OUTCOMES = (("recordsProcessed", "delivered"), ("recordsFailed", "failed"), ("recordsSkipped", "skipped"))


@dataclass(frozen=True)
class Difference:
    """A field that the two give different values, after defaults; None: not set."""

    field: str
    in_file: Any
    in_cluster: Any

    @property
    def frozen(self) -> bool:
        return self.field.split(".")[1] in FROZEN_FIELDS

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "file": self.in_file, "cluster": self.in_cluster, "frozen": self.frozen}


def compare(spec: Spec, limits: Limits, simulation: ClusterSimulation, *, now_ms: int) -> Comparison:
    """The file is planned as the cluster would have: from the run's start unless it names one, and with the seed of the run's uid."""
    start = simulation.moment_ms("startTime")
    shown = preview(spec, limits, now_ms=now_ms if start is None else start, clock_ms=0, seed=spec.seed_for(simulation.uid))
    try:
        theirs = parse_spec(simulation.spec)
    except SpecError as error:
        raise CommandError(f"Simulation {simulation} in the cluster can't be read by this version: {error}") from None
    said = {*_paths("spec", spec.model_dump(mode="json", by_alias=True, exclude_unset=True)), *_paths("spec", simulation.applied)}
    return Comparison(shown, simulation, tuple(_differences("spec", _dumped(spec), _dumped(theirs))), frozenset(said))


@dataclass(frozen=True)
class Comparison:
    shown: Preview  # the file
    simulation: ClusterSimulation
    differences: tuple[Difference, ...]
    said: frozenset[str]  # fields that the file sets, or that were set when the Simulation was last applied: apply touches no others

    @cached_property
    def planned(self) -> Timeline | None:
        """What the cluster planned; None: it has no plan yet, or never gets one."""
        return self.simulation.timeline("planned")

    @cached_property
    def delivered(self) -> Timeline | None:
        return self.simulation.timeline("delivered")

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """For the picture."""
        both = ((f"planned in {self.simulation}", self.planned), ("delivered", self.delivered))
        return tuple(Outline(label, timeline) for label, timeline in both if timeline is not None)

    @property
    def sentence(self) -> str:
        """What applying the file would do."""
        frozen = [difference.field for difference in self.differences if difference.frozen]
        if frozen:
            return (
                f"Applying the file would be refused: frozen in a Simulation that exists: {', '.join(frozen)}. "
                "Create it under another name, or delete the Simulation first."
            )
        changed = [difference.field for difference in self.differences if difference.field in self.said]
        left = [difference.field for difference in self.differences if difference.field not in self.said]
        leaves = f" The file doesn't set {', '.join(left)}: applying it leaves that as it is in the cluster." if left else ""
        if changed:
            return f"Applying the file changes {', '.join(changed)}, and leaves the plan as it is.{leaves}"
        if left:
            return f"Applying the file changes nothing.{leaves}"
        return "The file asks for what the Simulation asks for: applying it changes nothing."

    def as_json(self) -> dict[str, Any]:
        status = self.simulation.status
        return {
            "namespace": self.simulation.namespace,
            "name": self.simulation.name,
            "uid": str(self.simulation.uid),
            "phase": status.get("phase"),
            "differences": [difference.as_json() for difference in self.differences],
            "records": status.get("totalRecords", self.simulation.spec.get("totalRecords")),
            "objects": status.get("objects"),
            "startTime": status.get("startTime"),
            "endTime": status.get("endTime"),
            "peakRecordsPerMinute": status.get("peakRecordsPerMinute"),
            "planned": None if self.planned is None else list(self.planned.counts),
            "delivered": None if self.delivered is None else list(self.delivered.counts),
            "recordsProcessed": status.get("recordsProcessed", 0),
            "recordsFailed": status.get("recordsFailed", 0),
            "recordsSkipped": status.get("recordsSkipped", 0),
            "message": self.sentence,
        }

    def as_lines(self, *, columns: int) -> list[str]:
        return [*self._figures(), "", *self._rows(columns), *self._fields(), self.sentence]

    def _figures(self) -> list[str]:
        status, plan = self.simulation.status, self.shown.plan
        objects = status.get("objects") or {}
        outcomes = [f"{status.get(field, 0)} {word}" for field, word in _OUTCOMES]
        return table(
            [
                ("", "this file", f"{self.simulation} ({status.get('phase', 'not seen by the operator yet')})"),
                ("records", self.shown.spec.total_records, status.get("totalRecords", self.simulation.spec["totalRecords"])),
                *((kind, count, objects.get(kind, NOTHING)) for kind, count in plan.objects.items() if count or objects.get(kind)),
                ("start", iso_ms(self.shown.start_ms), status.get("startTime", NOTHING)),
                ("end", iso_ms(self.shown.end_ms), status.get("endTime", NOTHING)),
                ("peak a minute", plan.peak_per_minute, status.get("peakRecordsPerMinute", NOTHING)),
                ("so far", NOTHING, ", ".join(outcomes)),
            ]
        )

    def _rows(self, columns: int) -> list[str]:
        """Bars of all over the time that any of them covers, on one scale."""
        if self.planned is None or self.delivered is None:
            return [f"The cluster has no plan to compare with: {self.simulation.status.get('message', 'it has no status yet')}", ""]
        lines = {"this file": self.shown.timeline, "planned": self.planned, "delivered": self.delivered}
        begin, end = min(each.start_ms for each in lines.values()), max(each.end_ms for each in lines.values())
        parts = 2 * BUCKETS if columns >= 2 * BUCKETS + _MARGIN + 2 else BUCKETS
        bars = {label: timeline.over(begin, end, parts) for label, timeline in lines.items()}
        highest = max(max(counts) for counts in bars.values())
        axis = time_axis(Timeline(counts=(0,), start_ms=begin, end_ms=end, zone=self.shown.timeline.zone), parts)
        return [
            *(f"{label:<{_MARGIN}}│{row(counts, highest)}".rstrip() for label, counts in bars.items()),
            *(f"{'':{_MARGIN}}{line}".rstrip() for line in axis),
            "",
        ]

    def _fields(self) -> list[str]:
        if not self.differences:
            return []
        rows = [(each.field, _shown(each.in_file), _shown(each.in_cluster)) for each in self.differences]
        return [*table([("fields that differ", "this file", "cluster"), *rows]), ""]


def _dumped(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True)


def _differences(path: str, ours: Any, theirs: Any) -> Iterator[Difference]:
    """Down to the smallest part that differs; lists are compared whole."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            yield from _differences(f"{path}.{name}", ours.get(name), theirs.get(name))
    elif ours != theirs:
        yield Difference(path, ours, theirs)


def _paths(path: str, value: Any) -> Iterator[str]:
    """Of every part that holds something, however deep."""
    yield path
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _paths(f"{path}.{name}", part)


def _shown(value: Any) -> str:
    return NOTHING if value is None else str(value)
