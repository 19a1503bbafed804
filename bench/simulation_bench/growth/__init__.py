"""Section growth: what planning, batching and storing cost from ten thousand to ten million records, and whom it holds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulation_bench.figures import Figure
from simulation_bench.growth import counters, sizes
from simulation_bench.postgres import databases


def figures(say: Callable[[str], None]) -> Mapping[str, Figure]:
    with databases() as made:
        return {**sizes.figures(made, say), **counters.figures(made, say)}
