"""Hypothesis strategies for every method, its parameters, working time and zone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from simulation_core.spec import (
    BellCurve,
    Bursts,
    Custom,
    DailySpike,
    Day,
    Distribution,
    Loaded,
    Method,
    Point,
    Trickle,
    WeekendSurge,
    WorkingTime,
)

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "America/Sao_Paulo"])
PERCENT = st.integers(0, 100)
ANY_METHOD = st.sampled_from(Method)
CURVE_POINTS = (
    st.lists(st.tuples(PERCENT, st.integers(0, 1_000)), min_size=2, max_size=12)
    .map(sorted)
    .filter(lambda points: any(b > a and v + w > 0 for (a, v), (b, w) in pairwise(points)))
    .map(lambda points: Custom(points=tuple(Point(percent=percent, weight=weight) for percent, weight in points)))
)
MEMBERS = {
    Method.BELL_CURVE: ("bell_curve", st.builds(BellCurve, peak_percent=PERCENT, spread_percent=st.integers(1, 100))),
    Method.FRONT_LOADED: ("front_loaded", st.builds(Loaded, steepness_percent=st.integers(1, 10_000))),
    Method.BACK_LOADED: ("back_loaded", st.builds(Loaded, steepness_percent=st.integers(1, 10_000))),
    Method.BURSTS: (
        "bursts",
        st.builds(Bursts, count=st.integers(1, 60), width_percent=st.integers(1, 100), background_percent=PERCENT),
    ),
    Method.TRICKLE: ("trickle", st.builds(Trickle, jitter_percent=PERCENT)),
    Method.DAILY_SPIKE: (
        "daily_spike",
        st.builds(DailySpike, hour=st.integers(0, 23), width_minutes=st.integers(1, 1440), background_percent=st.integers(1, 100)),
    ),
    Method.WEEKEND_SURGE: ("weekend_surge", st.builds(WeekendSurge, factor_percent=st.integers(1, 10_000))),
    Method.CUSTOM: ("custom", CURVE_POINTS),
}


@st.composite
def working_times(draw: st.DrawFn) -> WorkingTime:
    begin = draw(st.integers(0, 22))
    return WorkingTime(
        days=tuple(draw(st.lists(st.sampled_from(list(Day)), min_size=1, max_size=7, unique=True))),
        start_hour=begin,
        end_hour=draw(st.integers(begin + 1, 24)),
        holidays=draw(st.sampled_from([(), ("2027-03-28",), ("2027-03-26", "2027-04-01")])),
    )


@st.composite
def distributions(draw: st.DrawFn, methods: st.SearchStrategy[Method] = ANY_METHOD, working: bool | None = None) -> Distribution:
    method = draw(methods)
    member, parameters = MEMBERS.get(method, (None, None))
    with_working = draw(st.booleans()) if working is None else working
    return Distribution(
        method=method,
        time_zone=draw(ZONES),
        **({member: draw(parameters)} if member else {}),
        **({"working_time": draw(working_times())} if with_working or method is Method.BUSINESS_HOURS else {}),
    )
