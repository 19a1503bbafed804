"""Section schedule: a million records over 1,000 s, from a spec to jobs in Redis; and horizon: what Redis holds of ten million.

Ours is measured twice, for it never puts a whole plan into Redis: what lies within its horizon of a minute, by the dispatcher, as it is
in an installation; and, because BullMQ puts everything there at once, all of it. The figures without `horizon` are the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulation_bench import peer, valkey
from simulation_bench.child import measured
from simulation_bench.figures import Figure, figure
from simulation_bench.postgres import Databases, databases

CHILD = "simulation_bench.schedule.ours"
RECORDS = 1_000_000
ROUNDS = 3
TOLERANCES_MS = (1000, 0)
HOUR_MS = 3_600_000
PEER_RECORDS = 200_000  # its rate and its bytes a job are those of a million within a few percent, in a fifth of the time

HORIZON_RECORDS = 10_000_000
HORIZON_PEER_RECORDS = 100_000

Say = Callable[[str], None]
Answers = Sequence[Mapping[str, Any]]


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    ours: dict[int, list[Mapping[str, Any]]] = {tolerance_ms: [] for tolerance_ms in TOLERANCES_MS}
    theirs: list[Mapping[str, Any]] = []
    with databases() as made, valkey.valkey() as url:
        for number in range(ROUNDS):
            for tolerance_ms in TOLERANCES_MS:
                say(f"{RECORDS:,} records, tolerance {tolerance_ms} ms, {number + 1} of {ROUNDS}")
                ours[tolerance_ms].append(_ours(made, url, records=RECORDS, tolerance_ms=tolerance_ms, everything=True))
            if beside.absent is None:
                say(f"BullMQ: {PEER_RECORDS:,} records, {number + 1} of {ROUNDS}")
                theirs.append(_theirs(beside, url, PEER_RECORDS))
    parts = [_of_tolerance(tolerance_ms, ours[tolerance_ms], theirs, beside) for tolerance_ms in TOLERANCES_MS]
    return {name: figure for part in parts for name, figure in part.items()}


def horizon(say: Say) -> Mapping[str, Figure]:
    """Once: it depends on no timing."""
    beside = peer.find(say)
    with databases() as made, valkey.valkey() as url:
        say(f"{HORIZON_RECORDS:,} records, what of them is in Redis")
        ours = _ours(made, url, records=HORIZON_RECORDS, tolerance_ms=1000, everything=False)
        theirs = [] if beside.absent else [_theirs(beside, url, HORIZON_PEER_RECORDS)["bytes"]]
    counted = f"ours: {ours['horizon_jobs']:,} jobs of the next minute; the peer's from {HORIZON_PEER_RECORDS:,} records"
    peer_mb = [each * HORIZON_RECORDS / HORIZON_PEER_RECORDS / 2**20 for each in theirs]
    return {"redis_mb": figure([ours["horizon_bytes"] / 2**20], "MB", peer=peer_mb, note=beside.noted(counted))}


def _of_tolerance(tolerance_ms: int, ours: Answers, theirs: Answers, beside: peer.Peer) -> Mapping[str, Figure]:
    """Rates count a round's whole way: plan, store, publish, and what is put into Redis."""
    rates = [PEER_RECORDS / each["seconds"] for each in theirs]
    sizes = [each["bytes"] / PEER_RECORDS for each in theirs]

    def rate(part: str) -> Figure:
        found = [RECORDS / (each["stored_s"] + each[f"{part}_s"]) for each in ours]
        return figure(found, "records/s", peer=rates, more_is_better=True, note=beside.noted(_counted(part, ours)))

    def size(part: str) -> Figure:
        return figure([each[f"{part}_bytes"] / RECORDS for each in ours], "B", peer=sizes, note=beside.noted(_counted(part, ours)))

    return {
        f"records_per_s_tolerance_{tolerance_ms}": rate("everything"),
        f"redis_bytes_per_record_{tolerance_ms}": size("everything"),
        f"horizon_records_per_s_tolerance_{tolerance_ms}": rate("horizon"),
        f"horizon_redis_bytes_per_record_{tolerance_ms}": size("horizon"),
    }


def _counted(part: str, ours: Answers) -> str:
    jobs = ours[-1][f"{part}_jobs"]
    return {
        "everything": f"plan, store and all {jobs:,} jobs of the plan in Redis",
        "horizon": f"plan, store and the {jobs:,} jobs that the dispatcher puts into Redis a minute ahead",
    }[part]


def _ours(databases: Databases, url: str, *, records: int, tolerance_ms: int, everything: bool) -> Mapping[str, Any]:
    valkey.empty(url)
    with databases.new("schedule") as database:
        return measured(CHILD, database=database, redis=url, records=records, tolerance_ms=tolerance_ms, everything=everything)


def _theirs(beside: peer.Peer, url: str, records: int) -> Mapping[str, Any]:
    before = valkey.empty(url)
    seconds = beside.measured("schedule", url=url, records=records, window_ms=records, lead_ms=HOUR_MS)["seconds"]
    return {"seconds": seconds, "bytes": valkey.used_memory(url) - before}
