"""Percentiles read from the lateness histogram are as good as its buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulation_core.ledger.lateness import BUCKETS, EDGES_MS, bucket_of, percentile


def histogram(values):
    counts = [0] * BUCKETS
    for value in values:
        counts[bucket_of(value)] += 1
    return counts


def test_edges_rise_and_begin_at_zero():
    assert EDGES_MS[0] == 0
    assert list(EDGES_MS) == sorted(set(EDGES_MS))
    assert EDGES_MS[-1] > 7 * 86_400_000


def test_an_empty_histogram_has_no_percentile():
    assert percentile([], 0.5) is None
    assert percentile([0] * BUCKETS, 0.5) is None


def test_what_is_early_has_a_bucket_of_its_own():
    assert bucket_of(-1) == 0
    assert bucket_of(0) == 1
    assert bucket_of(10**12) == BUCKETS - 1


def test_a_histogram_that_was_never_folded_into_may_be_shorter():
    assert percentile([0, 3], 0.99) == 0


@given(st.lists(st.integers(0, 500_000_000), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(values, q):
    ordered = sorted(values)
    true = ordered[max(0, -(-int(q * 100) * len(ordered) // 100) - 1)]
    assert bucket_of(percentile(histogram(values), q)) == bucket_of(true)
