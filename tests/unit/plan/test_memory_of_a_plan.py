"""Ten million records are planned in the memory an operator has: in stretches, with nothing of that length but the result."""

import tracemalloc

import numpy as np
import pytest

from simulation_core.plan import chunks, make_plan
from simulation_core.plan.advice import demand_of
from simulation_core.plan.load import load_of
from simulation_core.portals import Portal
from simulation_core.spec import Method, parse_spec

METHODS = [method.value for method in Method if method is not Method.CUSTOM]


def a_spec(method: str, *, records: int, tolerance_ms: int = 1000):
    return parse_spec(
        {
            "scenario": "B2B",
            "totalRecords": records,
            "durationSeconds": 86_400,
            "toleranceMilliseconds": tolerance_ms,
            "distribution": {"method": method},
            "records": {"contactsPerCompany": {"min": 1, "max": 4}},
        }
    )


def plan(method: str, *, records: int, tolerance_ms: int = 1000):
    return make_plan(a_spec(method, records=records, tolerance_ms=tolerance_ms), start_ms=0, window_ms=86_400_000, seed=42)


@pytest.mark.parametrize("method", METHODS)
def test_planning_needs_little_beyond_the_plan(method: str) -> None:
    records = 2_000_000
    tracemalloc.start()
    try:
        plan(method, records=records)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * records + 50_000_000


@pytest.mark.parametrize("tolerance_ms", [0, 1000, 60_000])
@pytest.mark.parametrize("method", METHODS)
def test_the_length_of_a_stretch_changes_nothing(method: str, tolerance_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan(method, records=5_000, tolerance_ms=tolerance_ms)
    monkeypatch.setattr(chunks, "CHUNK", 7)
    pieces = plan(method, records=5_000, tolerance_ms=tolerance_ms)
    assert np.array_equal(whole.offsets_ms, pieces.offsets_ms)
    assert np.array_equal(whole.batches.first_record, pieces.batches.first_record)
    assert np.array_equal(whole.batches.count, pieces.batches.count)
    assert np.array_equal(whole.batches.offset_ms, pieces.batches.offset_ms)
    assert (whole.histogram, whole.peak_per_minute, whole.objects) == (pieces.histogram, pieces.peak_per_minute, pieces.objects)


def test_advice_takes_the_memory_of_a_plan_once_more() -> None:
    records, portal = 1_000_000, Portal(name="small", calls_per_ten_seconds=100, allowed_namespaces=("*",))
    spec = a_spec("Linear", records=records, tolerance_ms=0)
    load = load_of(spec, plan("Linear", records=records, tolerance_ms=0), seed=42)
    tracemalloc.start()
    try:
        demand = demand_of(spec, load, portal, start_ms=0, window_ms=86_400_000, seed=42)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert demand.advice is not None
    assert peak_bytes < (8 + 18 + 4) * records + 40_000_000


@pytest.mark.parametrize("tolerance_ms", [0, 1000])
def test_counting_calls_needs_four_bytes_a_batch(tolerance_ms: int) -> None:
    records = 1_000_000
    spec = a_spec("Linear", records=records, tolerance_ms=tolerance_ms)
    planned = plan("Linear", records=records, tolerance_ms=tolerance_ms)
    tracemalloc.start()
    try:
        load_of(spec, planned, seed=42)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * len(planned.batches) + 30_000_000
