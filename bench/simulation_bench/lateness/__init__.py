"""Section lateness: records a second, tolerance 0, a job each: how long after it was due a record's work starts, and its write arrives.

Ours are simulations as dense as one may be, the product's own simulation-scheduler and workers as processes. For the starts, the worker
delivers without HubSpot; for the arrivals it is the whole of it, against an emulator. BullMQ's worker has concurrency 50, starts a job when
it calls its function, and keeps no account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulation_bench import peer, valkey
from simulation_bench.figures import Figure, figure
from simulation_bench.lateness import arrivals, starts
from simulation_bench.lateness.percentiles import percentile
from simulation_bench.lateness.starts import Rate, Started
from simulation_bench.postgres import Databases, databases

ROUNDS = 3
USUAL = Rate(per_second=2_000, workers=1)
HIGH = Rate(per_second=5_000, workers=1)

Say = Callable[[str], None]
Measure = Callable[[Sequence[float]], float]
P99: Measure = lambda lateness: percentile(lateness, 99)  # noqa: E731 - a row of the table below
MEASURES: Mapping[str, Measure] = {
    "p50_ms": lambda lateness: percentile(lateness, 50),
    "p99_ms": P99,
    "max_ms": max,
    "early": lambda lateness: sum(each < 0 for each in lateness),
}
AT_HIGH = {"p99_ms_at_5000": P99}
ARRIVAL = "hubspot_arrival_p99_ms"


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    with databases() as made, valkey.valkey() as url:
        return {
            **_starts(made, url, beside, USUAL, MEASURES, say),
            **_starts(made, url, beside, HIGH, AT_HIGH, say),
            ARRIVAL: _arrivals(made, url, say),
        }


def _starts(
    databases: Databases, url: str, beside: peer.Peer, rate: Rate, measures: Mapping[str, Measure], say: Say
) -> Mapping[str, Figure]:
    ours: list[Started] = []
    theirs: list[Started] = []
    for number in range(ROUNDS):
        say(f"{rate.per_second:,} records a second, {number + 1} of {ROUNDS}")
        ours.append(starts.ours(databases, url, rate))
        if beside.absent is None:
            say(f"BullMQ at concurrency {starts.PEER_CONCURRENCY}, {number + 1} of {ROUNDS}")
            theirs.append(starts.theirs(beside, url, rate))
    return of_rounds(rate, measures, ours, theirs, beside)


def of_rounds(
    rate: Rate, measures: Mapping[str, Measure], ours: Sequence[Started], theirs: Sequence[Started], beside: peer.Peer
) -> Mapping[str, Figure]:
    return {
        name: figure(
            [measure(each.lateness_ms) for each in ours],
            "records" if name == "early" else "ms",
            peer=[measure(each.lateness_ms) for each in theirs],
            note=beside.noted(_counted(rate, theirs)),
        )
        for name, measure in measures.items()
    }


def _counted(rate: Rate, theirs: Sequence[Started]) -> str:
    workers = "one worker process" if rate.workers == 1 else f"{rate.workers} worker processes"
    note = f"{rate.per_second:,} records/s; the product's scheduler and {workers}, without HubSpot"
    if unstarted := max((each.unstarted for each in theirs), default=0):
        note += f"; BullMQ had not begun up to {unstarted:,} of {rate.records:,} jobs after {starts.LONGEST_MS // 1000} s"
    return note


def _arrivals(databases: Databases, url: str, say: Say) -> Figure:
    rounds = []
    for number in range(ROUNDS):
        say(f"{arrivals.PER_SECOND:,} records a second to an emulator, {number + 1} of {ROUNDS}")
        rounds.append(P99(arrivals.lateness_ms(databases, url)))
    note = f"{arrivals.PER_SECOND:,} B2C records/s through the product's scheduler and one worker process to an emulator without limits"
    return figure(rounds, "ms", note=f"{note}; no peer: BullMQ makes and sends no records")
