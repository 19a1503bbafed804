"""Random draws that depend on seed and record number alone: the same whoever asks, in whatever order, on every platform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E37_79B9_7F4A_7C15
_MASK = 2**64 - 1


def splitmix64(records: NDArray[np.int64], seed: int, stream: int) -> NDArray[np.uint64]:
    """64 random bits a record. `stream` keeps draws for one purpose apart from those for another with the same seed.

    splitmix64's output for the record's own state: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators,
    OOPSLA 2014.
    """
    start = np.uint64((seed ^ stream) & _MASK)
    z = start + (records.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)  # wraps, as it should
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def splitmix64_of(record: int, seed: int, stream: int) -> int:
    """The same of one record, without numpy, which takes ten times as long for a single number."""
    z = ((seed ^ stream) + (record + 1) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return z ^ (z >> 31)


def uniform(records: NDArray[np.int64], seed: int, stream: int) -> NDArray[np.float64]:
    """One value a record, uniform on the open interval 0 … 1: the middles of 2⁵³ equal parts."""
    upper = splitmix64(records, seed, stream) >> np.uint64(11)
    drawn: NDArray[np.float64] = (upper.astype(np.float64) + 0.5) * 2.0**-53
    return drawn
