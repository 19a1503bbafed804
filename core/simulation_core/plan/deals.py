"""Which records get a deal: drawn per record from the seed, the same whoever asks and in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.chunks import chunks
from simulation_core.plan.draws import splitmix64, splitmix64_of

_STREAM = 0xDEA1_5000
_HUNDRED = 100


def deals_for(seed: int, records: NDArray[np.int64], percent: int) -> NDArray[np.bool_]:
    """Whether each has one. The remainder's bias is below 100 / 2⁶⁴."""
    drawn: NDArray[np.bool_] = splitmix64(records, seed, _STREAM) % np.uint64(_HUNDRED) < np.uint64(percent)
    return drawn


def has_deal(seed: int, record: int, percent: int) -> bool:
    """Whether this one has."""
    return splitmix64_of(record, seed, _STREAM) % _HUNDRED < percent


def total_deals(seed: int, records: int, percent: int) -> int:
    """Over all records of a run."""
    if percent in (0, _HUNDRED):
        return records * percent // _HUNDRED
    stretches = (np.arange(begin, end, dtype=np.int64) for begin, end in chunks(records))
    return sum(int(deals_for(seed, stretch, percent).sum()) for stretch in stretches)
