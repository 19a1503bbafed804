"""Finishes a second of a running simulation: alone, while a plan of a million batches is stored, and while it is stored the naive way.

The naive way, the peer, is one transaction for the whole plan. Each round has a database of its own: the same simulation first counts
alone, then beside the storing of one kind, in turn.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simulation_bench.child import command, measured
from simulation_bench.figures import Figure, figure
from simulation_bench.postgres import Databases

ALONE_SECONDS = 5.0
FINISHER = "simulation_bench.growth.finishing"
STORER = "simulation_bench.growth.storing"
KINDS = ("bounded", "naive")


@dataclass(frozen=True, kw_only=True)
class Length:
    """A long transaction's harm grows with its length: dead versions of the hot row can't be removed while it lasts."""

    end: str  # of the figure's name
    records: int
    rounds: int


LENGTHS = (Length(end="", records=1_000_000, rounds=3), Length(end="_5m", records=5_000_000, rounds=1))


def figures(databases: Databases, say: Callable[[str], None]) -> Mapping[str, Figure]:
    alone: list[float] = []
    found: dict[str, Figure] = {}
    for length in LENGTHS:
        beside: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number, kind in itertools.product(range(length.rounds), KINDS):
            say(f"finishes while {length.records:,} batches are stored: {kind}, {number + 1} of {length.rounds}")
            with databases.new(f"counters{length.end}_{kind}_{number}") as url:
                rate_alone, rate_beside = _round(url, kind, length.records)
            alone.append(rate_alone)
            beside[kind].append(rate_beside)
        name = f"counters_per_s_while_storing{length.end}"
        found[name] = figure(beside["bounded"], "1/s", peer=beside["naive"], more_is_better=True)
    return {"counters_per_s_idle": figure(alone, "1/s"), **found}


def _round(url: str, kind: str, records: int) -> tuple[float, float]:
    """Finishes a second alone, and beside that kind of storing."""
    finisher = subprocess.Popen(command(FINISHER, url=url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert finisher.stdout is not None
    finisher.stdout.readline()  # it has claimed its batches and begins
    begun = time.time()
    time.sleep(ALONE_SECONDS)
    alone_ended = time.time()
    stored = measured(STORER, url=url, records=records, kind=kind)
    finished_at: Sequence[float] = json.loads(finisher.communicate()[0])
    return _rate(finished_at, begun, alone_ended), _rate(finished_at, stored["begun"], stored["ended"])


def _rate(moments: Sequence[float], begun: float, ended: float) -> float:
    if moments[-1] < ended:
        raise ValueError("the running simulation ended before the storing did: give it more batches")
    return sum(begun <= moment < ended for moment in moments) / (ended - begun)
