"""The distributions of the reference, written a second time with scipy: what the planner is checked against from outside.

Nothing here comes from simulation_core.plan. Local time is looked up hour by hour (all zones used have whole-hour offsets).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from scipy.interpolate import PPoly
from scipy.stats import norm

from simulation_core.spec import Distribution, Method

HOUR_MS = 3_600_000
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Cumulated = Callable[[np.ndarray], np.ndarray]


class TooLittleLeftError(Exception):
    """So little of the density lies in working time that differences of cumulated ones are mostly rounding: nothing to check against."""


def local(start_ms: int, offset_ms: float, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start_ms + float(offset_ms))).astimezone(ZoneInfo(zone))


def local_hours(start_ms: int, window_ms: int, zone: str) -> list[tuple[float, float, datetime]]:
    """(begin, end, local time) of each clock hour, cut to the window."""
    edges = [0, *range(HOUR_MS - start_ms % HOUR_MS, window_ms, HOUR_MS), window_ms]
    return [(begin, end, local(start_ms, begin, zone)) for begin, end in pairwise(edges) if end > begin]


def is_working(moment: datetime, distribution: Distribution) -> bool:
    working = distribution.working_time
    return (
        DAYS[moment.weekday()] in {day.value for day in working.days}
        and working.start_hour <= moment.hour < working.end_hour
        and moment.date().isoformat() not in working.holidays
    )


def cumulated(distribution: Distribution, start_ms: int, window_ms: int) -> Cumulated:
    """F over offsets in milliseconds: 0 before the window, 1 after it, restricted to working time and normalised."""
    whole = _unrestricted(distribution, start_ms, window_ms)
    if distribution.working_time is None:
        total = whole(np.array([window_ms]))[0]
        return lambda x: whole(np.clip(x, 0, window_ms)) / total
    hours = local_hours(start_ms, window_ms, distribution.time_zone)
    working = [(begin, end) for begin, end, moment in hours if is_working(moment, distribution)]
    begins, ends = np.array(working, dtype=float).reshape(-1, 2).T
    masses = whole(ends) - whole(begins)
    reached = np.concatenate([[0.0], np.cumsum(masses)])
    if reached[-1] < 1e-6 * (whole(np.array([window_ms]))[0] - whole(np.array([0]))[0]):
        raise TooLittleLeftError

    def restricted(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        hour = np.searchsorted(begins, x, side="right") - 1
        inside = np.where(hour >= 0, whole(np.clip(x, begins[hour], ends[hour])) - whole(begins[hour]), 0.0)
        return (reached[np.maximum(hour, 0)] + inside) / reached[-1]

    return restricted


def _unrestricted(distribution: Distribution, start_ms: int, window_ms: int) -> Cumulated:
    known = {
        Method.BELL_CURVE: _bell_curve,
        Method.FRONT_LOADED: _front_loaded,
        Method.BACK_LOADED: _back_loaded,
        Method.BURSTS: _bursts,
        Method.DAILY_SPIKE: _daily_spike,
        Method.WEEKEND_SURGE: _weekend_surge,
        Method.CUSTOM: _custom,
    }
    return known.get(distribution.method, _even)(distribution, start_ms, window_ms)


def _even(_: Distribution, __: int, window_ms: int) -> Cumulated:
    return lambda x: np.asarray(x, dtype=float) / window_ms


def _bell_curve(distribution: Distribution, _: int, window_ms: int) -> Cumulated:
    curve = distribution.bell_curve
    bell = norm(curve.peak_percent / 100 * window_ms, curve.spread_percent / 100 * window_ms)
    return lambda x: bell.cdf(x) - bell.cdf(0)


def _front_loaded(distribution: Distribution, _: int, window_ms: int) -> Cumulated:
    k = distribution.front_loaded.steepness_percent / 100
    return lambda x: -np.expm1(-k * np.asarray(x) / window_ms)


def _back_loaded(distribution: Distribution, _: int, window_ms: int) -> Cumulated:
    k = distribution.back_loaded.steepness_percent / 100
    return lambda x: np.exp(k * (np.asarray(x) / window_ms - 1)) - np.exp(-k)


def _weekend_surge(distribution: Distribution, start_ms: int, window_ms: int) -> Cumulated:
    hours = local_hours(start_ms, window_ms, distribution.time_zone)
    factor = distribution.weekend_surge.factor_percent / 100
    edges = np.array([begin for begin, _, _ in hours] + [window_ms], dtype=float)
    rates = np.array([factor if moment.weekday() >= 5 else 1.0 for _, _, moment in hours])
    reached = np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])
    return lambda x: np.interp(x, edges, reached)


def _bursts(distribution: Distribution, _: int, window_ms: int) -> Cumulated:
    shape = distribution.bursts
    share, width = shape.background_percent / 100, shape.width_percent / 100 * window_ms
    centres = (np.arange(shape.count) + 0.5) / shape.count * window_ms
    spans = [(max(0.0, centre - width / 2), min(float(window_ms), centre + width / 2)) for centre in centres]
    length = sum(end - begin for begin, end in spans)
    return lambda x: (
        (1 - share) * sum(np.clip(np.asarray(x) - begin, 0, end - begin) for begin, end in spans) / length
        + share * np.asarray(x) / window_ms
    )


def _daily_spike(distribution: Distribution, start_ms: int, window_ms: int) -> Cumulated:
    shape, zone = distribution.daily_spike, ZoneInfo(distribution.time_zone)
    share, deviation = shape.background_percent / 100, shape.width_minutes * 60_000
    day = local(start_ms, 0, distribution.time_zone).date() - timedelta(days=12)
    centres = []
    while (centre := _at(day, shape.hour, zone) - start_ms) < window_ms + 12 * 86_400_000:
        centres.append(centre)
        day += timedelta(days=1)

    def spikes(x: np.ndarray) -> np.ndarray:
        return sum(_between(0, x, centre, deviation) for centre in centres)

    total = spikes(np.array([window_ms]))[0]
    reach = 5 * deviation
    if not any(-reach < centre < window_ms + reach for centre in centres):  # stated to count as none
        return lambda x: np.asarray(x, dtype=float) / window_ms
    return lambda x: (1 - share) * spikes(np.asarray(x)) / total + share * np.asarray(x) / window_ms


def _between(low: float, high: np.ndarray, centre: float, deviation: float) -> np.ndarray:
    """Of a normal; from the tail that is small, so that a window far from the centre has a mass that isn't rounding."""
    if centre < low:
        return norm.sf(low, centre, deviation) - norm.sf(high, centre, deviation)
    return norm.cdf(high, centre, deviation) - norm.cdf(low, centre, deviation)


def _at(day: date, hour: int, zone: ZoneInfo) -> int:
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
    return round(moment.timestamp() * 1000)


def _custom(distribution: Distribution, _: int, window_ms: int) -> Cumulated:
    places = [point.percent / 100 * window_ms for point in distribution.custom.points]
    weights = [float(point.weight) for point in distribution.custom.points]
    pieces = [
        (begin, end, low, (high - low) / (end - begin))
        for begin, end, low, high in zip(places, places[1:], weights, weights[1:], strict=False)
        if end > begin
    ]
    slopes, lows = [piece[3] for piece in pieces], [piece[2] for piece in pieces]
    density = PPoly(np.array([slopes, lows]), np.array([pieces[0][0], *(piece[1] for piece in pieces)]))
    integral, first, last = density.antiderivative(), pieces[0][0], pieces[-1][1]
    return lambda x: integral(np.clip(x, first, last))
