"""How many contacts a company gets: drawn per record from the seed, the same whoever asks and in whatever order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation_core.plan.chunks import chunks
from simulation_core.plan.draws import splitmix64, splitmix64_of
from simulation_core.spec import Range

_STREAM = 0xC0_47AC_7500


def contacts_for(seed: int, records: NDArray[np.int64], minimum: int, maximum: int) -> NDArray[np.int64]:
    """One count a record, uniform on minimum … maximum. The remainder's bias is below 101 / 2⁶⁴."""
    choices = np.uint64(maximum - minimum + 1)
    drawn = (splitmix64(records, seed, _STREAM) % choices).astype(np.int64)
    counts: NDArray[np.int64] = drawn + minimum
    return counts


def contacts_of(seed: int, record: int, minimum: int, maximum: int) -> int:
    """The count of one record."""
    return minimum + splitmix64_of(record, seed, _STREAM) % (maximum - minimum + 1)


def total_contacts(seed: int, records: int, contacts: Range) -> int:
    """Over all records of a run."""
    if contacts.min == contacts.max:
        return records * contacts.min
    stretches = (np.arange(begin, end, dtype=np.int64) for begin, end in chunks(records))
    return sum(int(contacts_for(seed, stretch, contacts.min, contacts.max).sum()) for stretch in stretches)
