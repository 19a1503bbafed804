"""The numbers that would make a plan fit, found by planning again with them. Takes several times as long as the plan itself."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from simulation_core.clock import iso_ms
from simulation_core.errors import SpecError
from simulation_core.plan.batches import Batches, in_batches
from simulation_core.plan.chunks import chunks
from simulation_core.plan.feasibility import Advice, Demand, excess
from simulation_core.plan.load import Load, calls_reached, load_of, load_of_batches
from simulation_core.plan.peaks import DAY_MS, TEN_SECONDS_MS
from simulation_core.plan.plan import make_plan
from simulation_core.portals import Portal
from simulation_core.spec import LAST_MOMENT_MS, MAX_DURATION_SECONDS, Spec

# What a person would write, up to a day.
TOLERANCES_MS = tuple(step * 10**power for power in range(8) for step in (1, 2, 5) if step * 10**power <= DAY_MS)
_TRIES = 12
_LEAST_STEP = 1.02
_MINUTE_S, _HOUR_S = 60, 3600


def demand_of(spec: Spec, load: Load, portal: Portal, *, start_ms: int, window_ms: int, seed: int) -> Demand:
    """The plan's load, and where it exceeds the portal's limits, what would do. Memory: that of one plan more at a time."""
    if excess(load, portal) <= 1:
        return Demand(load=load)
    seconds = _longer_window(spec, portal, load, start_ms=start_ms, window_ms=window_ms, seed=seed)
    late_ms, tolerance_ms = _late_and_tolerance(spec, portal, start_ms=start_ms, window_ms=window_ms, seed=seed)
    advice = Advice(
        portal_calls_per_ten_seconds=portal.calls_per_ten_seconds,
        portal_calls_per_day=portal.calls_per_day,
        late_milliseconds=late_ms,
        duration_seconds=seconds,
        end_time=None if seconds is None or spec.end_time is None else iso_ms(start_ms + seconds * 1000),
        tolerance_milliseconds=tolerance_ms,
    )
    return Demand(load=load, advice=advice)


def latest_ms(spec: Spec, batches: Batches, portal: Portal, *, seed: int) -> int:
    """How late the latest batch is begun where calls wait for the portal's limits; 0 where none does.

    The largest backlog, divided by the rate. The backlog of a queue that is emptied at a fixed rate is what came less what could have been
    served since it was last empty (D. V. Lindley, The theory of queues with a single server, 1952).
    """
    reached = calls_reached(spec, batches, seed=seed)
    late_ms = 0.0
    for limit, width_ms in ((portal.calls_per_ten_seconds, TEN_SECONDS_MS), (portal.calls_per_day, DAY_MS)):
        rate = limit / width_ms
        largest, last_empty = 0.0, np.inf
        for begin, end in chunks(len(batches)):
            served = batches.offset_ms[begin:end] * rate
            since_empty = np.minimum.accumulate(np.minimum(reached[begin:end] - served, last_empty))
            largest = max(largest, float((reached[begin + 1 : end + 1] - served - since_empty).max()))
            last_empty = float(since_empty[-1])
        late_ms = max(late_ms, (largest - limit) / rate)
    return round(late_ms)


def _longer_window(spec: Spec, portal: Portal, load: Load, *, start_ms: int, window_ms: int, seed: int) -> int | None:
    """Seconds: each try longer by what the last one lacked. Twice as long is half as full, but for batches the tolerance closes."""

    def lacking_in(seconds: int) -> float | None:
        try:
            plan = make_plan(spec, start_ms=start_ms, window_ms=seconds * 1000, seed=seed)
        except SpecError:  # what was in working time may lie outside it in a longer window
            return None
        return excess(load_of(spec, plan, seed=seed), portal)

    longest = MAX_DURATION_SECONDS if spec.end_time is None else (LAST_MOMENT_MS - start_ms) // 1000
    seconds, lacking = window_ms / 1000, excess(load, portal)
    for _ in range(_TRIES):
        seconds = _round(seconds * max(_LEAST_STEP, lacking))
        if seconds > longest:
            return None
        lacking = lacking_in(seconds) or lacking
        if lacking <= 1:
            return seconds
    return None


def _round(seconds: float) -> int:
    """Up to a number that a person would write."""
    step = _MINUTE_S if seconds >= _HOUR_S else 1
    return int(-(-seconds // step) * step)


def _late_and_tolerance(spec: Spec, portal: Portal, *, start_ms: int, window_ms: int, seed: int) -> tuple[int, int | None]:
    """How late the run will be as it is, and the smallest round tolerance with which it wouldn't."""
    plan = make_plan(spec, start_ms=start_ms, window_ms=window_ms, seed=seed)
    late_ms, offsets_ms = latest_ms(spec, plan.batches, portal, seed=seed), plan.offsets_ms
    del plan  # its batches make room for others
    larger = [tolerance_ms for tolerance_ms in TOLERANCES_MS if tolerance_ms > spec.tolerance_milliseconds]

    def fits(tolerance_ms: int) -> bool:
        return excess(load_of_batches(spec, in_batches(offsets_ms, tolerance_ms), seed=seed), portal) <= 1

    first = bisect_left(larger, True, key=fits)
    return late_ms, larger[first] if first < len(larger) else None
