"""Percentiles of what was measured, not of a curve through it."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of all reach or stay below (nearest rank). Needs at least one value."""
    rank = max(1, -(-len(values) * percent // 100))
    return sorted(values)[rank - 1]
