"""A load: the claimed batches that one slot delivers together, in shared calls.

A call carries a hundred objects, and one that joins them two thousand pairs. So a hundred companies with a contact each take three calls,
and a thousand take twenty-one. As long as there are calls enough, loads are small, for a record is delivered when its load's last call is;
when calls are what work waits for, loads are large.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulation_core.ledger.values import Claimed, Fence, Finish
from simulation_core.queue.taking import Job
from simulation_worker.crm.writes import MAX_INPUTS

MOST_RECORDS = MAX_INPUTS
MOST_TOGETHER = 1_000  # where calls are scarce: twice as many would save one call in a hundred more, and take twice as long


@dataclass(frozen=True, kw_only=True)
class Release:
    """Gives a claim back: PENDING again, claimable after `retry_after_ms`. `crashed`: it was begun, and its delivery broke down."""

    fence: Fence
    retry_after_ms: int = 0
    crashed: bool = False


End = Finish | Release


class Claim(NamedTuple):
    """A batch that is ours until its lease ends, and the job by which it came."""

    claimed: Claimed
    job: Job


def room_for(loads: int, largest: int, *, scarce: bool) -> int:
    """How many batches fit into so many loads, if none has more than `largest` records."""
    return loads * max(1, most_in_a_load(scarce=scarce) // max(1, largest))


def most_in_a_load(*, scarce: bool) -> int:
    """So many records."""
    return MOST_TOGETHER if scarce else MOST_RECORDS


def loads(claims: Sequence[Claim], *, most: int = MOST_RECORDS, apart: Collection[str] = ()) -> Iterator[list[Claim]]:
    """In their order, `most` records together.

    A batch that died twice is alone: it may take the process along. Runs that are to be kept `apart` share with no other run.
    """
    load: list[Claim] = []
    records, alone = 0, False
    for claim in claims:
        count, suspect = len(claim.claimed.due_ms), suspicious(claim.claimed)
        if load and (records + count > most or suspect or alone or (apart and _strange(claim, load[-1], apart))):
            yield load
            load, records = [], 0
        load.append(claim)
        records, alone = records + count, suspect
    if load:
        yield load


def _strange(one: Claim, other: Claim, apart: Collection[str]) -> bool:
    """Whether they are of two runs of which one is kept apart."""
    runs = {one.claimed.fence.simulation_id, other.claimed.fence.simulation_id}
    return len(runs) > 1 and any(str(run) in apart for run in runs)


ALONE_AFTER = 2  # deaths in company
MOST_CRASHES = ALONE_AFTER + 3  # three deaths alone set it aside


def suspicious(claimed: Claimed) -> bool:
    """Whoever had it died, twice in a row: perhaps of it."""
    return claimed.crashes >= ALONE_AFTER
