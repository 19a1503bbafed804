"""Due times: exactly n, in order, inside window and working time, each within a millisecond of the stated distribution's quantile."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from references import some, theory
from simulation_core.errors import PlanVersionError, SpecError
from simulation_core.plan import make_plan, normal
from simulation_core.plan.times import bell_curve, due_offsets, linear
from simulation_core.spec import BellCurve, Distribution, Method, WorkingTime, parse_spec

YEAR_MS = 366 * 86_400_000
START_MS = 1_805_846_400_000  # 2027-03-24T00:00Z: before the change to summer time in Europe
STARTS = st.integers(START_MS, START_MS + 7 * 86_400_000)
DETERMINISTIC = st.sampled_from([method for method in Method if method not in (Method.RANDOM, Method.TRICKLE)])


def offsets_of(distribution: Distribution, records: int, start_ms: int, window_ms: int, seed: int = 42) -> np.ndarray:
    try:
        return due_offsets(distribution, records=records, start_ms=start_ms, window_ms=window_ms, seed=seed)
    except SpecError:  # no working time there, or nothing of the density: tested by themselves
        assume(False)
        raise


@given(some.distributions(), st.integers(1, 20_000), STARTS, st.integers(1_000, YEAR_MS), st.integers(0, 2**53 - 1))
@settings(max_examples=300, deadline=None)
def test_exactly_n_times_in_order_and_inside_the_window(
    distribution: Distribution, records: int, start_ms: int, window_ms: int, seed: int
) -> None:
    offsets = offsets_of(distribution, records, start_ms, window_ms, seed)
    assert len(offsets) == records
    assert offsets.dtype == np.int64
    assert offsets[0] >= 0
    assert offsets[-1] <= window_ms
    assert (np.diff(offsets) >= 0).all()


@given(some.distributions(working=True), st.integers(1, 300), STARTS, st.integers(8 * 86_400_000, 60 * 86_400_000))
@settings(max_examples=200, deadline=None)
def test_no_record_outside_working_time(distribution: Distribution, records: int, start_ms: int, window_ms: int) -> None:
    for offset in offsets_of(distribution, records, start_ms, window_ms).tolist():
        assert theory.is_working(theory.local(start_ms, offset, distribution.time_zone), distribution)


def assert_quantiles(distribution: Distribution, records: int, start_ms: int, window_ms: int) -> None:
    """The exact quantile lies within a millisecond of each time, so Kolmogorov and Smirnov's distance is at most 1/n and that resolution.

    Of very many records, 20,000 are looked at: the times are in order, so those between lie between.
    """
    looked_at = np.unique(np.linspace(0, records - 1, 20_000).astype(int))
    offsets = offsets_of(distribution, records, start_ms, window_ms)[looked_at]
    try:
        theory_of = theory.cumulated(distribution, start_ms, window_ms)
    except theory.TooLittleLeftError:
        assume(False)
    wanted, rounding = (looked_at + 0.5) / records, 5e-8
    before, at, after = theory_of(offsets - 1), theory_of(offsets), theory_of(offsets + 1)
    assert (before <= wanted + rounding).all()
    assert (after >= wanted - rounding).all()
    distance = max((at - looked_at / records).max(), ((looked_at + 1) / records - at).max())
    assert distance <= 1 / records + (after - before).max() + rounding


@given(some.distributions(methods=DETERMINISTIC), st.integers(1, 5_000), STARTS, st.integers(1_000, 30 * 86_400_000))
@settings(max_examples=300, deadline=None)
def test_each_time_is_the_quantile_of_the_stated_density(distribution: Distribution, records: int, start_ms: int, window_ms: int) -> None:
    assert_quantiles(distribution, records, start_ms, window_ms)


@pytest.mark.parametrize("method", [method for method in Method if method not in (Method.RANDOM, Method.TRICKLE, Method.CUSTOM)])
@pytest.mark.parametrize("working", [False, True], ids=["any time", "working time"])
def test_a_million_over_a_year_are_quantiles_too(method: Method, working: bool) -> None:
    spec = {"scenario": "B2C", "totalRecords": 1, "durationSeconds": 1, "distribution": {"method": method, "timeZone": "Europe/Berlin"}}
    distribution = parse_spec(spec).distribution
    if working:
        distribution = distribution.model_copy(update={"working_time": WorkingTime(holidays=("2027-12-24",))})
    assert_quantiles(distribution, 1_000_000, START_MS, YEAR_MS)


@given(some.distributions(methods=st.just(Method.TRICKLE)), st.integers(1, 5_000), STARTS, st.integers(0, 2**53 - 1))
@settings(max_examples=60, deadline=None)
def test_a_trickle_moves_each_record_within_its_share_of_its_own_slot(
    distribution: Distribution, records: int, start_ms: int, seed: int
) -> None:
    window_ms = 30 * 86_400_000
    offsets = offsets_of(distribution, records, start_ms, window_ms, seed)
    theory_of = theory.cumulated(distribution, start_ms, window_ms)
    half, slot = distribution.trickle.jitter_percent / 200, (np.arange(records) + 0.5) / records
    assert (theory_of(offsets - 1) <= slot + half / records + 1e-9).all()
    assert (theory_of(offsets + 1) >= slot - half / records - 1e-9).all()


@pytest.mark.parametrize("working", [False, True], ids=["any time", "working time"])
def test_random_times_follow_the_density_and_look_independent(working: bool) -> None:
    distribution = Distribution(method=Method.RANDOM, working_time=WorkingTime() if working else None, time_zone="America/New_York")
    records, window_ms = 100_000, 30 * 86_400_000
    offsets = due_offsets(distribution, records=records, start_ms=START_MS, window_ms=window_ms, seed=7)
    at = theory.cumulated(distribution, START_MS, window_ms)(offsets)
    distance = np.abs(at - (np.arange(records) + 0.5) / records).max()
    assert 0.2 / np.sqrt(records) < distance < 1.95 / np.sqrt(records)  # Kolmogorov's law: between its 1e-6 and its 0.999 quantile
    gaps = np.diff(at) * records
    assert abs(gaps.std() - 1) < 0.02  # exponential, as of a Poisson process
    again = due_offsets(distribution, records=records, start_ms=START_MS, window_ms=window_ms, seed=8)
    assert (again != offsets).mean() > 0.99


def test_linear_is_exact_in_integers() -> None:
    assert linear(4, 1_000).tolist() == [125, 375, 625, 875]
    assert linear(10_000_000, 316_224_000_000)[-1] == 316_224_000_000 - 15_811


def test_linear_stays_exact_where_records_times_window_exceed_63_bits() -> None:
    records, window_ms = 10_000_000, 73 * 365 * 86_400_000
    offsets = linear(records, window_ms)
    assert [int(offsets[i]) for i in (0, 1, records // 2, records - 1)] == [
        ((2 * i + 1) * window_ms + records) // (2 * records) for i in (0, 1, records // 2, records - 1)
    ]
    assert (np.diff(offsets) >= 0).all()


def test_a_centred_bell_curve_is_its_own_mirror_image() -> None:
    offsets = bell_curve(BellCurve(), 10_001, 7_200_000)
    assert offsets[5_000] == 3_600_000
    assert (offsets + offsets[::-1] == 7_200_000).all()


def test_a_bell_curve_is_truncated_and_never_bunches_at_the_ends() -> None:
    offsets = bell_curve(BellCurve(peak_percent=50, spread_percent=100), 100_000, 1_000_000_000)
    tenths = np.bincount(np.minimum(offsets // 100_000_000, 9))
    assert tenths[0] < tenths[1] < tenths[4]
    assert (offsets == 0).sum() == 0


def test_the_normal_quantile_agrees_with_the_standard_library_and_reaches_far_into_the_tail() -> None:
    probabilities = np.concatenate([np.logspace(-14, -1, 200), np.linspace(0.01, 0.5, 200)])
    exact = [NormalDist().inv_cdf(p) for p in probabilities]
    np.testing.assert_allclose(normal.quantile(probabilities), exact, rtol=1e-12, atol=1e-14)
    far = normal.quantile(np.array([1e-300]))[0]
    assert normal.cdf(far) == pytest.approx(1e-300, rel=1e-9)


def test_a_bell_curve_whose_peak_lies_far_outside_working_time_keeps_its_shape() -> None:
    """Seventeen deviations away its density is 10⁻⁶⁷: all records lie where working time is nearest to the peak."""
    curve = Distribution(method=Method.BELL_CURVE, bell_curve=BellCurve(peak_percent=50, spread_percent=1), working_time=WorkingTime())
    friday_ms, window_ms = START_MS + 2 * 86_400_000, 5 * 86_400_000  # to Wednesday; the peak is on Sunday at noon
    offsets = due_offsets(curve, records=1_000, start_ms=friday_ms, window_ms=window_ms, seed=1)
    moments = [theory.local(friday_ms, offset, "UTC") for offset in offsets.tolist()]
    assert {(moment.day, moment.hour) for moment in moments} <= {(29, 9)}
    assert moments[0].minute == 0
    assert moments[-1].minute < 45


def test_the_peak_and_the_timeline_are_those_of_the_times() -> None:
    spec = parse_spec({"scenario": "B2B", "totalRecords": 1200, "durationSeconds": 600, "distribution": {"method": "Linear"}})
    plan = make_plan(spec, start_ms=0, window_ms=600_000, seed=1)
    assert plan.histogram == (30,) * 40
    assert plan.peak_per_minute == 120
    assert plan.objects == {"companies": 1200, "contacts": 1200, "deals": 0}


def test_more_records_than_milliseconds_are_refused_by_the_window_that_was_resolved() -> None:
    spec = parse_spec({"scenario": "B2B", "totalRecords": 1_001, "endTime": "2027-03-24T00:00:01Z"})  # from when on, acceptance decides
    with pytest.raises(SpecError, match=r"spec\.totalRecords: more records than milliseconds"):
        make_plan(spec, start_ms=START_MS, window_ms=1_000, seed=1)


def test_a_plan_of_an_unknown_version_is_refused() -> None:
    spec = parse_spec({"scenario": "B2B", "totalRecords": 1, "durationSeconds": 600})
    with pytest.raises(PlanVersionError, match="plan version 99 is not known here"):
        make_plan(spec, start_ms=0, window_ms=600_000, seed=1, version=99)
