"""What list, wait and watch say of a Simulation: its figures as JSON, and the words for them. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulation_cli.drawing.terminal import bar, table
from simulation_cli.resource import ClusterSimulation
from simulation_core.clock import iso_ms
from simulation_core.durations import in_words

NOTHING = "–"
TERMINATING = "Terminating"  # as kubectl calls what is being deleted
BAR = 16

_ALWAYS = ("NAME", "SCENARIO", "PHASE", "PROGRESS", "PROCESSED", "FAILED", "TOTAL", "NEXT", "ETA", "AGE")
_WIDE = ("METHOD", "PORTAL", "P99", "MESSAGE")


def as_json(simulation: ClusterSimulation, *, now_ms: int) -> dict[str, Any]:
    status, spec, eta_ms = simulation.status, simulation.spec, simulation.moment_ms("estimatedCompletionTime")
    return {
        "namespace": simulation.namespace,
        "name": simulation.name,
        "uid": str(simulation.uid),
        "scenario": spec.get("scenario"),
        "method": (spec.get("distribution") or {}).get("method"),
        "portal": spec.get("portal"),
        "phase": simulation.phase,
        "deleting": simulation.deleting,
        "reason": simulation.condition("Progressing").get("reason"),
        "message": simulation.message,
        "progressPercent": percent(simulation),
        "totalRecords": simulation.total,
        **{field: simulation.count(field) for field in ("recordsProcessed", "recordsFailed", "recordsSkipped")},
        **{field: status.get(field) for field in ("startTime", "endTime", "nextRecordTime", "estimatedCompletionTime", "lateness")},
        **{field: status.get(field) for field in ("content", "archived")},
        "secondsLeft": None if eta_ms is None else max(0, eta_ms - now_ms) // 1000,
        "created": iso_ms(simulation.created_ms),
        "ended": None if simulation.ended_ms is None else iso_ms(simulation.ended_ms),
    }


def phase(simulation: ClusterSimulation) -> str | None:
    """None: the operator hasn't seen it yet."""
    return TERMINATING if simulation.deleting else simulation.phase


def content(simulation: ClusterSimulation) -> str | None:
    """Who wrote what; None: nobody but Faker was to."""
    counts = simulation.status.get("content")
    if counts is None:
        return None
    by_model, by_faker, tokens = (counts.get(field, 0) for field in ("fromModel", "fromFaker", "tokens"))
    return f"{by_model:,} records from the language model, {by_faker:,} from Faker, {tokens:,} tokens used"


def archived(simulation: ClusterSimulation) -> str | None:
    """How far it is; None: nothing is."""
    counts = simulation.status.get("archived")
    return None if counts is None else f"{counts.get('done', 0):,} of {counts.get('total', 0):,} objects"


def percent(simulation: ClusterSimulation) -> int:
    """As the operator rounds it."""
    return int(str(simulation.status.get("progress") or "0%").removesuffix("%"))


def settled(simulation: ClusterSimulation) -> float:
    """The share of records that have their outcome, finer than the percents."""
    done = sum(simulation.count(field) for field in ("recordsProcessed", "recordsFailed", "recordsSkipped"))
    return done / max(1, simulation.total)


def listed(simulations: Iterable[ClusterSimulation], *, now_ms: int, wide: bool = False, everywhere: bool = False) -> list[str]:
    """The lines of a table, or none where there is no Simulation."""
    rows = [_row(simulation, now_ms, wide, everywhere) for simulation in simulations]
    head = (*(("NAMESPACE",) if everywhere else ()), *_ALWAYS, *(_WIDE if wide else ()))
    return table([head, *rows]) if rows else []


def _row(simulation: ClusterSimulation, now_ms: int, wide: bool, everywhere: bool) -> tuple[Any, ...]:
    shown = as_json(simulation, now_ms=now_ms)
    p99_ms = (shown["lateness"] or {}).get("p99Milliseconds")
    more = (shown["method"], shown["portal"], NOTHING if p99_ms is None else f"{p99_ms}ms", shown["message"]) if wide else ()
    return (
        *((simulation.namespace,) if everywhere else ()),
        simulation.name,
        shown["scenario"],
        phase(simulation) or NOTHING,
        f"{bar(settled(simulation), BAR)} {percent(simulation):>3}%",
        shown["recordsProcessed"],
        shown["recordsFailed"],
        shown["totalRecords"],
        _close(_next(simulation, now_ms)),
        _close(until(simulation.moment_ms("estimatedCompletionTime"), now_ms)),
        _close(age(simulation, now_ms)),
        *more,
    )


def _next(simulation: ClusterSimulation, now_ms: int) -> str:
    """What fell due while it is suspended isn't begun now."""
    moment_ms = simulation.moment_ms("nextRecordTime")
    missed = simulation.phase == "Suspended" and moment_ms is not None and moment_ms <= now_ms
    return NOTHING if missed else until(moment_ms, now_ms)


def until(moment_ms: int | None, now_ms: int) -> str:
    if moment_ms is None:
        return NOTHING
    return "now" if moment_ms <= now_ms else in_words(max(1_000, (moment_ms - now_ms) // 1000 * 1000))


def age(simulation: ClusterSimulation, now_ms: int) -> str:
    return in_words(max(1_000, (now_ms - simulation.created_ms) // 1000 * 1000))


def _close(words: str) -> str:
    """Without blanks, so that a line stays one word a column."""
    return words.replace(" ", "")
