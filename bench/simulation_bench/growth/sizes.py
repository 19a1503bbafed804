"""Seconds and peak megabytes by number of records: a bell curve of 1,000 records a second on average, in a fresh process for each round.

`plan` is make_plan, all that is known of a plan before it is stored; `batch` is in_batches alone; `store` is everything from a made plan
to its publication, the partition of its own included. Dense batches at the default tolerance of a second; `tolerance_0` is a batch a
record, the most rows there can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulation_bench.child import measured
from simulation_bench.figures import Figure, figure
from simulation_bench.postgres import Databases

CHILD = "simulation_bench.growth.one_size"


@dataclass(frozen=True, kw_only=True)
class Size:
    name: str
    records: int
    rounds: int


SIZES = (
    Size(name="10k", records=10_000, rounds=5),
    Size(name="100k", records=100_000, rounds=5),
    Size(name="1m", records=1_000_000, rounds=3),
    Size(name="10m", records=10_000_000, rounds=1),
)
LARGE = (Size(name="1m", records=1_000_000, rounds=3), Size(name="10m", records=10_000_000, rounds=1))


def figures(databases: Databases, say: Callable[[str], None]) -> Mapping[str, Figure]:
    found: dict[str, Figure] = {}
    for size in SIZES:
        for what in ("plan", "batch", "store"):
            found.update(_measure(databases, say, what, size, tolerance_ms=1000))
    for size in LARGE:
        found.update(_measure(databases, say, "store", size, tolerance_ms=0))
    return found


def _measure(databases: Databases, say: Callable[[str], None], what: str, size: Size, *, tolerance_ms: int) -> Mapping[str, Figure]:
    end = size.name if tolerance_ms else f"{size.name}_tolerance_0"
    say(f"{what} {size.records:,} records, tolerance {tolerance_ms} ms")
    rounds = []
    for number in range(size.rounds):
        with databases.new(f"{what}_{number}") as url:
            rounds.append(measured(CHILD, what=what, records=size.records, tolerance_ms=tolerance_ms, url=url))
    return {
        f"{what}_s_{end}": figure([one["seconds"] for one in rounds], "s"),
        f"{what}_mb_{end}": figure([one["megabytes"] for one in rounds], "MB"),
    }
