"""Stretches of record numbers: what is computed elementwise over ten million records needs memory for one stretch only."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK = 1 << 18
"""Temporaries of one such stretch fit a few megabytes; the results are the same, bit for bit, whatever its length."""


def chunks(records: int) -> Iterator[tuple[int, int]]:
    """(first, one beyond the last) of each stretch, in order."""
    for begin in range(0, records, CHUNK):
        yield begin, min(begin + CHUNK, records)
