"""Each method's density over a window, cut at the places given. The table of methods is docs/reference/distributions.md.

u is the position in the window, 0 … 1. A share of background is meant before working time takes its part away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from simulation_core.errors import SpecError
from simulation_core.plan import normal
from simulation_core.plan.density import Density, Exponential, Floats, Normal, Smooth, Straight
from simulation_core.plan.localtime import Window, daily_offsets, weekends
from simulation_core.spec import BellCurve, Bursts, Custom, DailySpike, Distribution, Loaded, Method, WeekendSurge

Cuts = NDArray[np.int64]  # offsets in milliseconds at which the cells must end


def density_of(distribution: Distribution, window: Window, cuts: Cuts) -> Density:
    """The method's density, not yet restricted to working time. Raises SpecError where it is zero in the whole window."""
    shape = _SHAPES[distribution.method](distribution, window, _edges(window, cuts))
    if not shape.mass.sum() > 0:
        raise SpecError(*_NOTHING[distribution.method])
    return shape


def even(edges: Floats) -> Straight:
    """Density 1."""
    ones = np.ones(len(edges) - 1)
    return Straight(edges, ones, ones)


def bell_curve(curve: BellCurve, window: Window, edges: Floats) -> Normal:
    """Normal, μ = peakPercent, σ = spreadPercent of the window, truncated to the window."""
    mean = curve.peak_percent / 100 * window.length_ms
    return Normal(_with(edges, np.array([mean])), mean, curve.spread_percent / 100 * window.length_ms)


def bursts(shape: Bursts, window: Window, edges: Floats) -> Straight:
    """(1 - b) times rectangles of width w centred at (j + ½)/count, what reaches beyond the window cut off, plus b spread evenly."""
    width = shape.width_percent / 100
    centres = (np.arange(shape.count) + 0.5) / shape.count
    begins, ends = np.maximum(centres - width / 2, 0.0), np.minimum(centres + width / 2, 1.0)
    edges = _with(edges, np.concatenate([begins, ends]) * window.length_ms)
    middles = (edges[:-1] + edges[1:]) / 2 / window.length_ms
    overlapping = np.searchsorted(begins, middles) - np.searchsorted(ends, middles)
    background = shape.background_percent / 100
    height = (1 - background) * overlapping / (ends - begins).sum() + background
    return Straight(edges, height, height)


def daily_spike(shape: DailySpike, window: Window, edges: Floats) -> Density:
    """(1 - b) times a normal at `hour` of each local day, σ = widthMinutes, truncated to the window as a sum, plus b spread evenly.

    A normal reaches eight σ far: 10⁻¹⁵ of it is left out. Where days lie closer together than that, each day's is added to its neighbours'.
    A window more than five σ from every spike has none: only the background is left of the density.
    """
    deviation = shape.width_minutes * _MINUTE_MS
    reach = _REACH * deviation
    days = -(-reach // _SHORTEST_DAY_MS)
    centres = daily_offsets(shape.hour, window, margin=days + 1).astype(np.float64)
    centres = centres[(centres > -reach) & (centres < window.length_ms + reach)]
    background = shape.background_percent / 100
    if not _any_near(centres, _NEAR * deviation, window):
        return even(edges) if background else Straight(edges, np.zeros(len(edges) - 1), np.zeros(len(edges) - 1))
    edges = _with(_with(edges, np.linspace(0.0, window.length_ms, _CELLS_A_WINDOW)), _spike_edges(centres, deviation))
    spikes, at_edges, slopes = _spikes(centres, deviation, edges, neighbours=days)
    weight = (1 - background) / spikes.sum()
    ground = background / window.length_ms
    return Smooth(edges, weight * spikes + ground * np.diff(edges), weight * at_edges + ground, weight * slopes)


def weekend_surge(shape: WeekendSurge, window: Window, edges: Floats) -> Straight:
    """factor/100 on local Saturdays and Sundays, 1 on other days."""
    surges = weekends(window)
    edges = _with(edges, surges.ravel())
    factor = np.where(inside(surges, edges), shape.factor_percent / 100, 1.0)
    return Straight(edges, factor, factor)


def custom(shape: Custom, window: Window, edges: Floats) -> Straight:
    """Straight lines through the points, 0 before the first and after the last. Two points at one percent make a step."""
    places = np.array([point.percent for point in shape.points]) / 100 * window.length_ms
    weights = np.array([point.weight for point in shape.points], dtype=np.float64)
    edges = _with(edges, places)
    piece = np.searchsorted(places, (edges[:-1] + edges[1:]) / 2)  # the first point after each cell
    covered = (piece > 0) & (piece < len(places))
    after = np.clip(piece, 1, len(places) - 1)
    begin, end, low, high = places[after - 1], places[after], weights[after - 1], weights[after]
    slope = np.divide(high - low, end - begin, out=np.zeros_like(low), where=end > begin)
    at_left = np.where(covered, low + slope * (edges[:-1] - begin), 0.0)
    at_right = np.where(covered, low + slope * (edges[1:] - begin), 0.0)
    return Straight(edges, np.maximum(at_left, 0.0), np.maximum(at_right, 0.0))


def inside(intervals: NDArray[np.int64], edges: Floats) -> NDArray[np.bool_]:
    """Which cells lie in one of the intervals, each cell wholly in one or wholly outside all."""
    within: NDArray[np.bool_] = np.searchsorted(intervals.ravel(), (edges[:-1] + edges[1:]) / 2) % 2 == 1
    return within


# Sums of daily normals

_MINUTE_MS = 60_000
_SHORTEST_DAY_MS = 22 * 3_600_000  # apart from one hour to the same of the next day, with room to spare
_REACH = 8  # standard deviations
_NEAR = 5  # standard deviations; a spike further from the window than this would only pile records up at its edge
_CELLS_A_DEVIATION = 16  # the quintic's error is then 1e-11 of a spike, and below 1e-6 of what there is eight deviations away
_CELLS_A_WINDOW = 65  # at least: a short window may see a small part of one spike


def _any_near(centres: Floats, distance: float, window: Window) -> bool:
    return bool(((centres > -distance) & (centres < window.length_ms + distance)).any())


def _spike_edges(centres: Floats, deviation: float) -> Floats:
    """Around each centre, as far as it reaches and no further than half-way to the next one."""
    steps = np.arange(-_REACH * _CELLS_A_DEVIATION, _REACH * _CELLS_A_DEVIATION + 1) * (deviation / _CELLS_A_DEVIATION)
    half_way = (centres[1:] + centres[:-1]) / 2
    lower, upper = np.append(-np.inf, half_way), np.append(half_way, np.inf)
    edges = centres[:, None] + steps
    own = (edges >= lower[:, None]) & (edges < upper[:, None])
    return np.concatenate([edges[own], half_way])


def _spikes(centres: Floats, deviation: float, edges: Floats, neighbours: int) -> tuple[Floats, Floats, Floats]:
    """The mass of all normals in each cell, and at each edge their density (mass a millisecond) and its slope."""
    masses, densities, slopes = np.zeros(len(edges) - 1), np.zeros(len(edges)), np.zeros(len(edges))
    nearest = np.searchsorted(centres, edges)
    known = np.concatenate([np.full(neighbours + 1, -np.inf), centres, np.full(neighbours + 1, np.inf)])
    for step in range(2 * neighbours + 2):
        centre = known[nearest + step]  # of each edge: those on both sides of it, one after the other
        z = (edges - centre) / deviation
        height = _bell(z) / deviation
        densities += height
        slopes -= np.where(height > 0, z, 0.0) * height / deviation
        masses += _tail_differences((edges[:-1] - centre[1:]) / deviation, z[1:])
    return masses, densities, slopes


def _bell(z: Floats) -> Floats:
    """The standard normal density, 0 beyond a spike's reach."""
    height: Floats = np.where(np.abs(z) <= _REACH, np.exp(-np.minimum(z * z, 2.0 * _REACH * _REACH) / 2) / np.sqrt(2 * np.pi), 0.0)
    return height


def _tail_differences(left: Floats, right: Floats) -> Floats:
    """Φ(right) - Φ(left), each pair on one side of 0, with the precision of the smaller tail."""
    near = np.minimum(np.abs(left), np.abs(right)) <= _REACH
    low = np.where(left + right > 0, -right, left)[near]
    high = np.where(left + right > 0, -left, right)[near]
    differences = np.zeros(len(left))
    differences[near] = normal.cdfs(high) - normal.cdfs(low)
    return differences


def _edges(window: Window, cuts: Cuts) -> Floats:
    return _with(np.array([0.0, window.length_ms]), cuts)


def _with(edges: Floats, more: Floats | Cuts) -> Floats:
    """Sorted, each once, and only what lies within the window."""
    added = np.asarray(more, dtype=np.float64)
    return np.unique(np.concatenate([edges, added[(added > edges[0]) & (added < edges[-1])]]))


def _loaded(shape: Loaded | None, sign: int, edges: Floats) -> Exponential:
    """e^(-k u) or e^(+k u), k = steepnessPercent/100."""
    return Exponential(edges, sign * (shape or Loaded()).steepness_percent / 100)


_Shape = Callable[[Distribution, Window, Floats], Density]
_SHAPES: Mapping[Method, _Shape] = {
    **dict.fromkeys((Method.LINEAR, Method.TRICKLE, Method.RANDOM, Method.BUSINESS_HOURS), lambda _, __, edges: even(edges)),
    Method.BELL_CURVE: lambda it, window, edges: bell_curve(it.bell_curve or BellCurve(), window, edges),
    Method.FRONT_LOADED: lambda it, _, edges: _loaded(it.front_loaded, -1, edges),
    Method.BACK_LOADED: lambda it, _, edges: _loaded(it.back_loaded, 1, edges),
    Method.BURSTS: lambda it, window, edges: bursts(it.bursts or Bursts(), window, edges),
    Method.DAILY_SPIKE: lambda it, window, edges: daily_spike(it.daily_spike or DailySpike(), window, edges),
    Method.WEEKEND_SURGE: lambda it, window, edges: weekend_surge(it.weekend_surge or WeekendSurge(), window, edges),
    Method.CUSTOM: lambda it, window, edges: custom(_points(it), window, edges),
}

# Only these can be zero in a whole window.
_NOTHING = {
    Method.DAILY_SPIKE: (
        "spec.distribution.dailySpike",
        "no spike reaches into the window: move hour into it, raise widthMinutes or backgroundPercent, or lengthen the window",
    ),
    Method.WEEKEND_SURGE: (
        "spec.distribution.weekendSurge.factorPercent",
        "is 0 and the window has weekend days only: raise it, or lengthen the window",
    ),
    Method.CUSTOM: (
        "spec.distribution.custom.points",
        "the density is zero everywhere: give two points of different percent a weight above 0",
    ),
}


def _points(distribution: Distribution) -> Custom:
    if distribution.custom is None:
        raise SpecError("spec.distribution.custom", "method Custom needs distribution.custom.points: add at least two")
    return distribution.custom
