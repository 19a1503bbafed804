"""When each record is due: offsets from the start in integer milliseconds, record i of n at the quantile (i + ½)/n of the density."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import SpecError
from simulation_core.plan import normal
from simulation_core.plan.chunks import chunks
from simulation_core.plan.density import Floats
from simulation_core.plan.draws import uniform
from simulation_core.plan.localtime import Window, working_intervals
from simulation_core.plan.quantiles import Quantiles
from simulation_core.plan.shapes import density_of, inside
from simulation_core.spec import BellCurve, Distribution, Method, Trickle

Numbers = NDArray[np.int64]  # of records, from 0
Offsets = NDArray[np.int64]  # milliseconds from the start

_TRICKLE_STREAM = 0x7219_C41E
_RANDOM_STREAM = 0x4A2D_0301


def due_offsets(distribution: Distribution, *, records: int, start_ms: int, window_ms: int, seed: int) -> Offsets:
    """`records` offsets, non-decreasing, each 0 … `window_ms`. `start_ms` (Unix epoch) places the window on the calendar.

    Raises SpecError naming the field where no moment of the window is left: no working time, or a density that is zero everywhere.
    """
    if distribution.working_time is None and distribution.method is Method.LINEAR:
        return linear(records, window_ms)
    if distribution.working_time is None and distribution.method is Method.BELL_CURVE:
        return bell_curve(distribution.bell_curve or BellCurve(), records, window_ms)
    quantiles = _quantiles(distribution, Window(start_ms, window_ms, distribution.time_zone))
    place = _PLACES.get(distribution.method, _evenly)(distribution, records, seed)
    offsets = _chunk_by_chunk(records, lambda numbers: quantiles.offsets(place(numbers)))
    if distribution.method is Method.RANDOM:
        offsets.sort()
    return np.maximum.accumulate(offsets, out=offsets)  # what the last bit of a float did to the order is put right


def linear(records: int, window_ms: int) -> Offsets:
    """Density 1: (i + ½)/n of the window, rounded half up, in integers and so exact.

    (2i + 1) · window / 2n, with the window split by 2n: in one product it would not fit in 63 bits for ten million records over decades.
    """
    slots, rest = divmod(window_ms, 2 * records)

    def due(number: Numbers) -> Offsets:
        odd = 2 * number + 1
        offsets: Offsets = odd * slots + (odd * rest + records) // (2 * records)
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

    def due(number: Numbers) -> Offsets:
        position = (number.astype(np.float64) + 0.5) / records
        below = left + position * kept
        above = right + (1.0 - position) * kept
        lower_half = below <= above
        z = normal.quantile(np.where(lower_half, below, above))
        nearest = np.rint((mean + deviation * np.where(lower_half, z, -z)) * window_ms).astype(np.int64)
        return np.clip(nearest, 0, window_ms)  # where a float's last bit led out of the window

    offsets = _chunk_by_chunk(records, due)
    return np.maximum.accumulate(offsets, out=offsets)


def _quantiles(distribution: Distribution, window: Window) -> Quantiles:
    if distribution.working_time is None:
        return Quantiles(density_of(distribution, window, np.empty(0, dtype=np.int64)))
    working = working_intervals(distribution.working_time, window)
    if not len(working):
        raise SpecError(
            "spec.distribution.workingTime", "no working time lies between start and end: add days or hours, or move the window"
        )
    return Quantiles.within(working, density_of(distribution, window, working.ravel()))


def working_share(distribution: Distribution, *, start_ms: int, window_ms: int) -> float:
    """How much of the method's density lies in working time, 0 … 1; 1 where the spec has none. Raises SpecError as `due_offsets` does."""
    if distribution.working_time is None:
        return 1.0
    window = Window(start_ms, window_ms, distribution.time_zone)
    working = working_intervals(distribution.working_time, window)
    density = density_of(distribution, window, working.ravel())
    return float(density.mass[inside(working, density.edges)].sum() / density.mass.sum())


_Place = Callable[[Numbers], Floats]  # the probability, 0 … 1, of each record's moment


def _evenly(_: Distribution, records: int, __: int) -> _Place:
    return lambda numbers: (numbers + 0.5) / records


def _trickle(distribution: Distribution, records: int, seed: int) -> _Place:
    """(i + ½ + j (U - ½))/n with U uniform: each record within the middle share j of its own slot of 1/n, so they stay in order."""
    jitter = (distribution.trickle or Trickle()).jitter_percent / 100
    return lambda numbers: (numbers + 0.5 + jitter * (uniform(numbers, seed, _TRICKLE_STREAM) - 0.5)) / records


def _random(_: Distribution, __: int, seed: int) -> _Place:
    """Uniform draws; sorted, they are a Poisson process given its number of events (S. Karlin, H. Taylor, A First Course, 1975, 4.2)."""
    return lambda numbers: uniform(numbers, seed, _RANDOM_STREAM)


_PLACES = {Method.TRICKLE: _trickle, Method.RANDOM: _random}


def _chunk_by_chunk(records: int, due: Callable[[Numbers], Offsets]) -> Offsets:
    """The due times of all records, from those of a stretch of record numbers."""
    offsets = np.empty(records, dtype=np.int64)
    for begin, end in chunks(records):
        offsets[begin:end] = due(np.arange(begin, end, dtype=np.int64))
    return offsets
