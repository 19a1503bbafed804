"""Section lateness: 2,000 records a second for 20 s, a job each: how long after it was due a job's work starts.

Ours are two simulations, each as dense as one may be, the product's own simulation-scheduler as a process, and a consumer of the bench's:
it takes up to 100 jobs at a time from the queue, claims them in one statement (from then on their work has started) and finishes them in
one. BullMQ's worker has concurrency 50, starts a job when it calls its function, and keeps no account.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from simulation_bench import peer, valkey
from simulation_bench.child import measured
from simulation_bench.figures import Figure, figure
from simulation_bench.lateness.percentiles import percentile
from simulation_bench.lateness.scheduler import scheduler
from simulation_bench.postgres import Databases, databases

ROUNDS = 3
RECORDS = 40_000
PER_SECOND = 2_000
LEAD_MS = 8_000  # until the first is due: to plan, to store and to offer
PEER_LEADS_MS = (8_000, 24_000)  # to add the jobs; the second only where the first did not do
PEER_CONCURRENCY = 50
LONGEST_MS = 60_000  # all told; who hasn't started everything by then has failed

Say = Callable[[str], None]
MEASURES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "p50_ms": lambda lateness: percentile(lateness, 50),
    "p99_ms": lambda lateness: percentile(lateness, 99),
    "max_ms": max,
    "early": lambda lateness: sum(each < 0 for each in lateness),
}
NOTE = "the product's scheduler; a consumer of the bench's, which takes, claims and finishes 100 at a time"


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    ours: list[Sequence[float]] = []
    theirs: list[Sequence[float]] = []
    with databases() as made, valkey.valkey() as url:
        for number in range(ROUNDS):
            say(f"{PER_SECOND:,} records a second, {number + 1} of {ROUNDS}")
            ours.append(_ours(made, url))
            if beside.absent is None:
                say(f"BullMQ at concurrency {PEER_CONCURRENCY}, {number + 1} of {ROUNDS}")
                theirs.append(_theirs(beside, url))
    return {
        name: figure(
            [measure(each) for each in ours],
            "ms" if name.endswith("_ms") else "jobs",
            peer=[measure(each) for each in theirs],
            note=beside.noted(NOTE),
        )
        for name, measure in MEASURES.items()
    }


def _ours(databases: Databases, url: str) -> Sequence[float]:
    """Each job's lateness in milliseconds."""
    valkey.empty(url)
    given = {"records": RECORDS, "per_second": PER_SECOND, "lead_ms": LEAD_MS, "longest_ms": LONGEST_MS}
    with (
        databases.new("lateness") as database,
        tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder,
        scheduler(Path(folder), database=database, redis=url),
    ):
        lateness: Sequence[float] = measured("simulation_bench.lateness.consuming", database=database, redis=url, **given)["lateness_ms"]
    return lateness


def _theirs(beside: peer.Peer, url: str) -> Sequence[float]:
    """With more time to add its jobs where a busy machine needs it."""
    for lead_ms in PEER_LEADS_MS:
        valkey.empty(url)
        given = {"records": RECORDS, "per_second": PER_SECOND, "lead_ms": lead_ms, "longest_ms": LONGEST_MS}
        answer = beside.measured("lateness", url=url, concurrency=PEER_CONCURRENCY, **given)
        if "lateness_ms" in answer:
            lateness: Sequence[float] = answer["lateness_ms"]
            return lateness
    raise TimeoutError(f"BullMQ did not add {RECORDS:,} jobs within {PEER_LEADS_MS[-1]} ms")
