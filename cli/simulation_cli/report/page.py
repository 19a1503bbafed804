"""What stands on the page, from top to bottom: the answer first, then the pictures, then what they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from simulation_cli import summary
from simulation_cli.report import charts
from simulation_cli.report.markup import Content, Markup, element, raw
from simulation_cli.resource import ClusterSimulation
from simulation_core.clock import iso_seconds
from simulation_core.durations import in_words

if TYPE_CHECKING:
    from simulation_cli.cluster.events import Event

NOTHING = "–"
# Nothing is loaded and nothing runs, whatever a Simulation's texts hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
LOOKS = {"Completed": "good", "Running": "good", "Failed": "poor", "Cancelled": "fair", "Suspended": "fair"}
# Conditions by what it means when they hold; of the others neither is bad.
GOOD_WHEN_TRUE, BAD_WHEN_TRUE = frozenset({"Accepted", "Feasible", "Complete", "Verified", "Archived"}), frozenset({"Failed"})
DEFAULT_TOLERANCE_MS = 1_000


@dataclass(frozen=True, kw_only=True)
class Report:
    simulation: ClusterSimulation
    now_ms: int
    events: Sequence[Event] = ()
    notes: Sequence[str] = ()  # what could not be read

    def as_json(self) -> dict[str, Any]:
        return {
            **summary.as_json(self.simulation, now_ms=self.now_ms),
            "made": iso_seconds(self.now_ms),
            "spec": self.simulation.spec,
            "status": self.simulation.status,
            "events": [{"time": each.time, "reason": each.reason, "message": each.message, "count": each.count} for each in self.events],
            "notes": list(self.notes),
        }


def page(report: Report) -> str:
    simulation = report.simulation
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{simulation.name}: {summary.phase(simulation) or 'New'}"),
        element("style", raw(resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8"))),
    )
    sections = (_headline, _counts, _course, _lateness, _failures, _verification, _conditions, _story, _spec)
    body = element("body", element("main", [section(report) for section in sections]))
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def _headline(report: Report) -> Markup:
    simulation, status = report.simulation, report.simulation.status
    phase = summary.phase(simulation) or "New"
    portal = status.get("portal") or {}
    account = f", account {portal['accountId']} ({portal.get('accountType', 'of unknown type')})" if "accountId" in portal else ""
    facts = (
        f"{simulation.spec.get('scenario')} in namespace {simulation.namespace}; "
        f"portal {simulation.spec.get('portal', 'default')}{account}; "
        f"created {iso_seconds(simulation.created_ms)}; this page made {iso_seconds(report.now_ms)}"
    )
    return element(
        "div",
        element("header", element("h1", simulation.name), element("span", phase, class_=f"badge {LOOKS.get(phase, 'plain')}")),
        element("p", simulation.message, class_="said"),
        element("p", facts, class_="soft small"),
    )


def _counts(report: Report) -> Markup:
    simulation = report.simulation
    delivered, failed, skipped = (simulation.count(field) for field in ("recordsProcessed", "recordsFailed", "recordsSkipped"))
    still_open = max(0, simulation.total - delivered - failed - skipped)
    parts = (("delivered", delivered), ("failed", failed), ("skipped", skipped), ("open", still_open))
    objects = simulation.status.get("objects") or {}
    planned = ", ".join(f"{count:,} {kind}" for kind, count in objects.items() if count)
    shown = [(f"{summary.percent(simulation)} %", "done"), *((f"{count:,}", f"records {name}") for name, count in parts)]
    return element(
        "section",
        element("h2", f"{simulation.total:,} records", element("span", f" ({planned} planned)" if planned else "", class_="soft small")),
        element(
            "div",
            [element("div", element("b", value), element("span", name, class_="soft small")) for value, name in shown],
            class_="tiles",
        ),
        charts.shares(parts),
        _key((name, name) for name, count in parts if count),
        [
            element("p", f"{what}: {said}.", class_="soft small")
            for what, said in (("Content", summary.content(simulation)), ("Archived", summary.archived(simulation)))
            if said is not None
        ],
    )


def _course(report: Report) -> Markup:
    simulation = report.simulation
    planned, delivered = simulation.timeline("planned"), simulation.timeline("delivered")
    if planned is None or delivered is None:
        return element("section", element("h2", "Planned and delivered"), element("p", "There is no plan.", class_="soft"))
    eta_ms = simulation.moment_ms("estimatedCompletionTime")
    end = f"expected to end {iso_seconds(eta_ms)}" if eta_ms is not None else f"the window ends {iso_seconds(planned.end_ms)}"
    ended = f"ended {iso_seconds(simulation.ended_ms)}" if simulation.ended_ms is not None else end
    peak = simulation.status.get("peakRecordsPerMinute", NOTHING)
    return element(
        "section",
        element("h2", "Planned and delivered"),
        charts.planned_and_delivered(planned, delivered),
        _key(
            [
                ("delivered", f"delivered in each {planned.bucket_in_words}"),
                ("outline", "planned"),
                ("line", "delivered until then (right)"),
                ("dashes", "planned until then (right)"),
            ]
        ),
        element(
            "p",
            f"Begins {iso_seconds(planned.start_ms)}, {ended}; at most {peak} records a minute. Times of the picture: {planned.zone}.",
            class_="soft small",
        ),
    )


def _lateness(report: Report) -> Markup | None:
    lateness = report.simulation.status.get("lateness")
    if not lateness:
        return None
    tolerance_ms = int(report.simulation.spec.get("toleranceMilliseconds", DEFAULT_TOLERANCE_MS))
    said = (
        f"From a record's own due time to HubSpot's answer. Records may wait up to {in_words(tolerance_ms)} for the last of their batch, "
        "so half of that is by design; none is ever early."
    )
    return element(
        "section",
        element("h2", "Lateness"),
        charts.lateness(int(lateness["p50Milliseconds"]), int(lateness["p99Milliseconds"]), tolerance_ms),
        _key([("tolerated", f"toleranceMilliseconds: {tolerance_ms}")]),
        element("p", said, class_="soft small"),
    )


def _failures(report: Report) -> Markup | None:
    failures = report.simulation.status.get("failures") or ()
    if not failures:
        return None
    total = report.simulation.count("recordsFailed")
    rows = [(each.get("record"), each.get("time"), each.get("reason"), each.get("message"), each.get("correlationId")) for each in failures]
    title = f"Failures (the last {len(rows)} of {total:,})"
    return element("section", element("h2", title), _table(("record", "time", "reason", "message", "correlation id"), rows))


def _verification(report: Report) -> Markup | None:
    verification = report.simulation.status.get("verification") or {}
    found = {kind: each for kind, each in verification.items() if isinstance(each, dict)}
    if not found:
        return None
    columns = ("expected", "found", "missing", "surplus")
    rows = [(kind, *(each.get(column, NOTHING) for column in columns)) for kind, each in found.items()]
    named = [
        element("p", f"First keys of what is {what}: {', '.join(keys)}")
        for what in ("missing", "surplus")
        if (keys := verification.get(f"{what}Keys"))
    ]
    return element("section", element("h2", "Compared with the CRM"), _table(("objects", *columns), rows), named)


def _conditions(report: Report) -> Markup:
    rows = [
        (
            element("b", each["type"]),
            element("span", each["status"], class_=_look(each)),
            each.get("reason"),
            each.get("message"),
            each.get("lastTransitionTime"),
        )
        for each in report.simulation.status.get("conditions", ())
    ]
    title = element("h2", "Conditions")
    if not rows:
        return element("section", title, element("p", "The operator hasn't written any yet.", class_="soft"))
    return element("section", title, _table(("condition", "holds", "reason", "message", "since"), rows))


def _look(condition: Any) -> str:
    holds = condition["status"] == "True"
    if condition["type"] in BAD_WHEN_TRUE:
        return "poor" if holds else "plain"
    return "good" if holds and condition["type"] in GOOD_WHEN_TRUE else "plain"


def _story(report: Report) -> Markup:
    rows = [
        (each.time, element("span", each.reason, class_="fair" if each.warning else "plain"), each.message, f"{each.count} ×")
        for each in report.events
    ]
    told = (
        _table(("last", "what", "message", "times"), rows)
        if rows
        else element("p", "Events are kept for an hour; there are none.", class_="soft")
    )
    notes = [element("p", note, class_="soft small") for note in report.notes]
    return element("section", element("h2", "What happened lately"), None if report.notes else told, notes)


def _spec(report: Report) -> Markup:
    text = yaml.safe_dump(dict(report.simulation.spec), sort_keys=False, allow_unicode=True)
    return element("section", element("h2", "Spec"), element("pre", text))


def _key(entries: Iterable[tuple[str, str]]) -> Markup:
    return element("div", [element("span", element("i", class_=look), words) for look, words in entries], class_="key")


def _table(head: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """A cell is classed by its column's name: only a message may be broken anywhere."""
    return element(
        "table",
        element("thead", element("tr", [element("th", name) for name in head])),
        element("tbody", [element("tr", [element("td", cell, class_=name) for name, cell in zip(head, row, strict=True)]) for row in rows]),
    )
