"""When each record is due: offsets from the start in integer milliseconds, record i of n at the quantile (i + ½)/n of the density."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import SpecError
from simulation_core.plan import normal
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
    odd = 2 * np.arange(records, dtype=np.int64) + 1
    offsets: Offsets = (odd * window_ms + records) // (2 * records)
    return offsets


def bell_curve(curve: BellCurve, records: int, window_ms: int) -> Offsets:
    """Normal with mean peak and standard deviation spread (percent of the window), truncated to the window and normalised.

    With a and b the window's ends in standard deviations, F⁻¹(p) = μ + σ Φ⁻¹(Φ(a) + p (Φ(b) - Φ(a))): N. L. Johnson, S. Kotz,
    N. Balakrishnan, Continuous Univariate Distributions 1 (1994), section 13.10.1. Above the median the mirrored form is used,
    so that no probability near 1 is ever formed and both ends are equally precise.
    """
    mean, deviation = curve.peak_percent / 100, curve.spread_percent / 100
    left, right = normal.cdf(-mean / deviation), normal.cdf(-(1 - mean) / deviation)  # the tails that are cut off
    kept = 1.0 - left - right
    position = (np.arange(records, dtype=np.float64) + 0.5) / records
    below = left + position * kept
    above = right + (1.0 - position) * kept
    lower_half = below <= above
    z = normal.quantile(np.where(lower_half, below, above))
    return _to_offsets(mean + deviation * np.where(lower_half, z, -z), window_ms)


def _to_offsets(position: NDArray[np.float64], window_ms: int) -> Offsets:
    """Positions 0 … 1 to the nearest millisecond. What the last bit of a float did to order and bounds is put right."""
    nearest = np.rint(position * window_ms).astype(np.int64)
    ordered: Offsets = np.maximum.accumulate(np.clip(nearest, 0, window_ms))
    return ordered


def _linear(_: Distribution, records: int, window_ms: int) -> Offsets:
    return linear(records, window_ms)


def _bell_curve(distribution: Distribution, records: int, window_ms: int) -> Offsets:
    return bell_curve(distribution.bell_curve or BellCurve(), records, window_ms)


_METHODS: Mapping[Method, Callable[[Distribution, int, int], Offsets]] = {Method.LINEAR: _linear, Method.BELL_CURVE: _bell_curve}
