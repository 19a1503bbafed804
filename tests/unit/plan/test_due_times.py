"""Due times: exactly n, in order, inside the window, at the quantiles of the stated density."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation_core.errors import SpecError
from simulation_core.plan import make_plan, normal
from simulation_core.plan.times import bell_curve, due_offsets, linear
from simulation_core.spec import BellCurve, Distribution, Method, parse_spec

YEAR_MS = 366 * 86_400_000
METHODS = st.sampled_from([Method.LINEAR, Method.BELL_CURVE])
CURVES = st.builds(BellCurve, peak_percent=st.integers(0, 100), spread_percent=st.integers(1, 100))


def distribution(method: Method, curve: BellCurve) -> Distribution:
    return Distribution(method=method, bell_curve=curve) if method is Method.BELL_CURVE else Distribution(method=method)


def theoretical_cdf(method: Method, curve: BellCurve, position: np.ndarray) -> np.ndarray:
    if method is Method.LINEAR:
        return position
    bell = NormalDist(curve.peak_percent / 100, curve.spread_percent / 100)
    below, above = bell.cdf(0), bell.cdf(1)
    return np.array([(bell.cdf(x) - below) / (above - below) for x in position])


@given(METHODS, CURVES, st.integers(1, 20_000), st.integers(1_000, YEAR_MS))
@settings(max_examples=80, deadline=None)
def test_exactly_n_times_in_order_and_inside_the_window(method: Method, curve: BellCurve, records: int, window_ms: int) -> None:
    offsets = due_offsets(distribution(method, curve), records=records, window_ms=window_ms)
    assert len(offsets) == records
    assert offsets.dtype == np.int64
    assert offsets[0] >= 0
    assert offsets[-1] <= window_ms
    assert (np.diff(offsets) >= 0).all()


@given(METHODS, CURVES, st.integers(1, 500), st.integers(100_000_000, YEAR_MS))
@settings(max_examples=60, deadline=None)
def test_the_empirical_distribution_is_the_theoretical_one(method: Method, curve: BellCurve, records: int, window_ms: int) -> None:
    """Kolmogorov and Smirnov's distance is at most 1/n: half a step by construction, the rest is the millisecond's share."""
    offsets = due_offsets(distribution(method, curve), records=records, window_ms=window_ms)
    steepest = 40.0 / window_ms  # the density of the narrowest curve, per millisecond
    theory = theoretical_cdf(method, curve, offsets / window_ms)
    ranks = np.arange(records)
    distance = max(np.abs(theory - ranks / records).max(), np.abs((ranks + 1) / records - theory).max())
    assert distance <= 1 / records + 2 * steepest


def test_linear_is_exact_in_integers() -> None:
    assert linear(4, 1_000).tolist() == [125, 375, 625, 875]
    assert linear(10_000_000, 316_224_000_000)[-1] == 316_224_000_000 - 15_811


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


def test_the_peak_and_the_timeline_are_those_of_the_times() -> None:
    spec = parse_spec({"scenario": "B2B", "totalRecords": 1200, "durationSeconds": 600, "distribution": {"method": "Linear"}})
    plan = make_plan(spec, window_ms=600_000, seed=1)
    assert plan.histogram == (30,) * 40
    assert plan.peak_per_minute == 120
    assert plan.objects == {"companies": 1200, "contacts": 1200, "deals": 0}


def test_a_method_of_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(SpecError, match=r"spec\.distribution\.method: Bursts is not in this version"):
        due_offsets(Distribution(method=Method.BURSTS), records=1, window_ms=1_000)
