"""How many contacts a company gets: drawn per record from the seed, the same whoever asks and in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.chunks import chunks
from simulation_core.spec import Range

_STREAM = 0xC0_47AC_7500  # keeps these draws apart from others that begin with the same seed
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_MASK = 2**64 - 1


def contacts_for(seed: int, records: NDArray[np.int64], minimum: int, maximum: int) -> NDArray[np.int64]:
    """One count a record, uniform on minimum … maximum.

    The draw is splitmix64's output for the record's own state (G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number
    generators, OOPSLA 2014). The remainder's bias is below 101 / 2⁶⁴.
    """
    choices = np.uint64(maximum - minimum + 1)
    drawn = (_splitmix64(records.astype(np.uint64), seed) % choices).astype(np.int64)
    counts: NDArray[np.int64] = drawn + minimum
    return counts


def contacts_of(seed: int, record: int, minimum: int, maximum: int) -> int:
    """The count of one record."""
    return int(contacts_for(seed, np.array([record], dtype=np.int64), minimum, maximum)[0])


def total_contacts(seed: int, records: int, contacts: Range) -> int:
    """Over all records of a run."""
    if contacts.min == contacts.max:
        return records * contacts.min
    stretches = (np.arange(begin, end, dtype=np.int64) for begin, end in chunks(records))
    return sum(int(contacts_for(seed, stretch, contacts.min, contacts.max).sum()) for stretch in stretches)


def _splitmix64(record: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    start = np.uint64((seed ^ _STREAM) & _MASK)
    z = start + (record + np.uint64(1)) * np.uint64(_GOLDEN)  # wraps, as it should
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
