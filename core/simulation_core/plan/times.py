"""When each record is due: offsets from the start in integer milliseconds, record i of n at the quantile (i + ½)/n of the density."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import SpecError
from simulation_core.plan import normal
from simulation_core.plan.chunks import chunks
from simulation_core.spec import BellCurve, Distribution, Method

Offsets = NDArray[np.int64]


def due_offsets(distribution: Distribution, *, records: int, window_ms: int) -> Offsets:
    """`records` offsets, non-decreasing, each 0 … `window_ms`. Raises SpecError for a method this version can't compute."""
    method = _METHODS.get(distribution.method)
    if method is None:
        raise SpecError("spec.distribution.method", f"{distribution.method} is not in this version: use {' or '.join(_METHODS)}")
    return method(distribution, records, window_ms)


def linear(records: int, window_ms: int) -> Offsets:
    """Density 1: (i + ½)/n of the window, rounded half up, in integers and so exact (2 · 10⁷ · 3.2 · 10¹¹ fits in 63 bits)."""

    def due(number: NDArray[np.int64]) -> Offsets:
        odd = 2 * number + 1
        offsets: Offsets = (odd * window_ms + records) // (2 * records)
        return offsets

    return _chunk_by_chunk(records, due)


def bell_curve(curve: BellCurve, records: int, window_ms: int) -> Offsets:
    """Normal with mean peak and standard deviation spread (percent of the window), truncated to the window and normalised.

    With a and b the window's ends in standard deviations, F⁻¹(p) = μ + σ Φ⁻¹(Φ(a) + p (Φ(b) - Φ(a))): N. L. Johnson, S. Kotz,
    N. Balakrishnan, Continuous Univariate Distributions 1 (1994), section 13.10.1. Above the median the mirrored form is used,
    so that no probability near 1 is ever formed and both ends are equally precise.
    """
    mean, deviation = curve.peak_percent / 100, curve.spread_percent / 100
    left, right = normal.cdf(-mean / deviation), normal.cdf(-(1 - mean) / deviation)  # the tails that are cut off
    kept = 1.0 - left - right

    def due(number: NDArray[np.int64]) -> Offsets:
        position = (number.astype(np.float64) + 0.5) / records
        below = left + position * kept
        above = right + (1.0 - position) * kept
        lower_half = below <= above
        z = normal.quantile(np.where(lower_half, below, above))
        return _to_offsets(mean + deviation * np.where(lower_half, z, -z), window_ms)

    offsets = _chunk_by_chunk(records, due)
    return np.maximum.accumulate(offsets, out=offsets)  # what the last bit of a float did to the order is put right


def _chunk_by_chunk(records: int, due: Callable[[NDArray[np.int64]], Offsets]) -> Offsets:
    """The due times of all records, from those of a stretch of record numbers."""
    offsets = np.empty(records, dtype=np.int64)
    for begin, end in chunks(records):
        offsets[begin:end] = due(np.arange(begin, end, dtype=np.int64))
    return offsets


def _to_offsets(position: NDArray[np.float64], window_ms: int) -> Offsets:
    """Positions 0 … 1 to the nearest millisecond, and into the window where a float's last bit led out of it."""
    nearest = np.rint(position * window_ms).astype(np.int64)
    return np.clip(nearest, 0, window_ms)


def _linear(_: Distribution, records: int, window_ms: int) -> Offsets:
    return linear(records, window_ms)


def _bell_curve(distribution: Distribution, records: int, window_ms: int) -> Offsets:
    return bell_curve(distribution.bell_curve or BellCurve(), records, window_ms)


_METHODS: Mapping[Method, Callable[[Distribution, int, int], Offsets]] = {Method.LINEAR: _linear, Method.BELL_CURVE: _bell_curve}
