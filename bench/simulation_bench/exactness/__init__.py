"""Section exactness: what is delivered twice and what is lost while queue, scheduler and worker are lost under load.

Both sides have the same records to deliver at the same times, four workers, a FLUSHALL at a third and at two thirds of the window, and a
worker killed between them. Ours has three schedulers, of which one is killed as well; it delivers to an emulator, which knows what came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulation_bench import peer, valkey
from simulation_bench.exactness import ours, theirs
from simulation_bench.exactness.verdict import Verdict
from simulation_bench.figures import Figure, worst
from simulation_bench.postgres import databases

ROUNDS = 2

Say = Callable[[str], None]


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    found: list[Verdict] = []
    found_of_peer: list[Verdict] = []
    with databases() as made, valkey.valkey() as url:
        for number in range(ROUNDS):
            say(f"{ours.RECORDS:,} records, FLUSHALL twice, kill -9 of a worker and a scheduler, {number + 1} of {ROUNDS}")
            found.append(ours.round_of(made, url))
            say(found[-1].said)
            if beside.absent is None:
                say(f"BullMQ: FLUSHALL twice, kill -9 of a worker, {number + 1} of {ROUNDS}")
                found_of_peer.append(theirs.round_of(beside, url))
                say(found_of_peer[-1].said)
    return of_rounds(found, found_of_peer, beside)


def of_rounds(found: Sequence[Verdict], found_of_peer: Sequence[Verdict], beside: peer.Peer) -> Mapping[str, Figure]:
    note = beside.noted(f"the worst of {len(found)} rounds of {ours.RECORDS:,} records; ours: {found[-1].said}")
    return {
        "duplicates": worst([each.duplicates for each in found], "records", peer=[each.duplicates for each in found_of_peer], note=note),
        "lost": worst([each.lost for each in found], "records", peer=[each.lost for each in found_of_peer], note=note),
    }
