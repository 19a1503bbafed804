"""Batches: consecutive, never early, never later than the tolerance, at most 100, none left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation_core.plan import MAX_BATCH, in_batches

OFFSETS = st.lists(st.integers(0, 3_000), min_size=1, max_size=600).map(lambda values: np.array(sorted(values), dtype=np.int64))


@given(OFFSETS, st.integers(0, 2_000))
@settings(max_examples=200, deadline=None)
def test_each_record_is_in_one_batch_and_no_later_than_the_tolerance(offsets: np.ndarray, tolerance_ms: int) -> None:
    batches = in_batches(offsets, tolerance_ms)
    ends = batches.first_record + batches.count
    assert batches.first_record[0] == 0
    assert ends[-1] == len(offsets)
    assert (ends[:-1] == batches.first_record[1:]).all()
    assert batches.count.min() >= 1
    assert batches.count.max() <= (1 if tolerance_ms == 0 else MAX_BATCH)
    late = np.repeat(batches.offset_ms, batches.count) - offsets
    assert late.min() >= 0
    assert late.max() <= tolerance_ms
    assert (batches.offset_ms == offsets[ends - 1]).all()


@given(OFFSETS, st.integers(1, 2_000))
@settings(max_examples=100, deadline=None)
def test_a_batch_ends_only_because_it_is_full_or_the_next_record_is_too_late(offsets: np.ndarray, tolerance_ms: int) -> None:
    batches = in_batches(offsets, tolerance_ms)
    for first, count, following in zip(batches.first_record, batches.count, batches.first_record[1:], strict=False):
        assert count == MAX_BATCH or offsets[following] - offsets[first] > tolerance_ms


def test_a_sparse_stream_gives_batches_of_one() -> None:
    assert in_batches(np.array([0, 5_000, 10_000]), 1_000).count.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("tolerance_ms", "sizes"), [(0, [1] * 250), (1, [100, 100, 50])])
def test_records_of_one_millisecond_share_a_batch_unless_the_tolerance_is_zero(tolerance_ms: int, sizes: list[int]) -> None:
    assert in_batches(np.zeros(250, dtype=np.int64), tolerance_ms).count.tolist() == sizes
