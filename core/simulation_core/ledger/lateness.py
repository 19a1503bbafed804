"""The histogram of lateness: log-spaced buckets, and percentiles read from it. Pure.

Bucket 0 holds what was early (there must be none), bucket k what lies in [EDGES_MS[k-1], EDGES_MS[k]), the last what lies beyond all edges.
That is what Postgres's width_bucket(lateness, EDGES_MS) returns, so the database and this module agree by construction.
"""

from __future__ import annotations

from collections.abc import Sequence

# 32 a decade, up to eleven days: a percentile read from it is off by less than a tenth.
_A_DECADE = 32
_DECADES = 9
EDGES_MS: tuple[int, ...] = (0, *sorted({round(10 ** (step / _A_DECADE)) for step in range(_DECADES * _A_DECADE + 1)}))
BUCKETS = len(EDGES_MS) + 1


def bucket_of(lateness_ms: int) -> int:
    return sum(1 for edge in EDGES_MS if lateness_ms >= edge)


def percentile(histogram: Sequence[int], q: float) -> int | None:
    """The value in milliseconds below which a share `q` (0 … 1) of all lies, linear within its bucket; None for an empty histogram.

    What was early counts as 0, what lies beyond the last edge as that edge.
    """
    total = sum(histogram)
    if total == 0:
        return None
    rank = q * total
    seen = 0
    for bucket, count in enumerate(histogram):
        if count and seen + count >= rank:
            return _within(bucket, (rank - seen) / count)
        seen += count
    return EDGES_MS[-1]


def _within(bucket: int, share: float) -> int:
    if bucket == 0:
        return 0
    if bucket >= len(EDGES_MS):
        return EDGES_MS[-1]
    low, high = EDGES_MS[bucket - 1], EDGES_MS[bucket]
    return round(low + (high - 1 - low) * share)
