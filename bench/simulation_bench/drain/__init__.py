"""Section drain: how fast one worker process takes due work off the queue, claims it in the ledger and finishes it, without HubSpot.

Each side has as many due jobs as it can't finish in the seconds it is given, or finishes them all; the rate is what was done in the time
it took. The peer is a BullMQ worker of concurrency 50 whose jobs do nothing, and which keeps no account of them; so does stock RQ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulation_bench import peer, valkey
from simulation_bench.child import measured
from simulation_bench.figures import Figure, figure
from simulation_bench.postgres import Databases, databases

ROUNDS = 3
SECONDS = 8
PEER_JOBS = 200_000
PEER_CONCURRENCY = 50
STOCK_JOBS = 1_500  # it takes some hundreds a second

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What waits for our worker. `tolerance_ms` 0 makes a job a record; 1000, at a thousand records a second, batches of 100."""

    what: str
    records: int
    tolerance_ms: int


LOADS: Mapping[str, Load] = {
    "records_per_s": Load(what="batches of 100", records=1_000_000, tolerance_ms=1000),
    "single_record_jobs_per_s": Load(what="a record a job", records=100_000, tolerance_ms=0),
}
STOCK = "stock_rq_jobs_per_s"
NOTES = {
    "records_per_s": f"one worker process of {PEER_CONCURRENCY} slots; batches of 100, claimed and finished in Postgres",
    "single_record_jobs_per_s": f"one worker process of {PEER_CONCURRENCY} slots; a record a job, claimed and finished in Postgres",
    STOCK: "ours is RQ's own SimpleWorker here: jobs that do nothing, without a ledger",
}


def figures(say: Say) -> Mapping[str, Figure]:
    beside = peer.find(say)
    ours: dict[str, list[float]] = {name: [] for name in (*LOADS, STOCK)}
    theirs: list[float] = []
    with databases() as made, valkey.valkey() as url:
        for number in range(ROUNDS):
            for name, load in LOADS.items():
                say(f"one worker, {load.what}, {number + 1} of {ROUNDS}")
                ours[name].append(_ours(made, url, load))
            say(f"stock RQ, {number + 1} of {ROUNDS}")
            ours[STOCK].append(_stock(url))
            if beside.absent is None:
                say(f"BullMQ at concurrency {PEER_CONCURRENCY}, {number + 1} of {ROUNDS}")
                theirs.append(_theirs(beside, url))
    units = {"records_per_s": "records/s"}
    return {
        name: figure(rates, units.get(name, "jobs/s"), peer=theirs, more_is_better=True, note=beside.noted(NOTES[name]))
        for name, rates in ours.items()
    }


def _ours(databases: Databases, url: str, load: Load) -> float:
    """Records a second."""
    valkey.empty(url)
    with databases.new("drain") as database:
        given = {"database": database, "redis": url, "records": load.records, "tolerance_ms": load.tolerance_ms}
        given |= {"seconds": SECONDS, "slots": PEER_CONCURRENCY}
        done = measured("simulation_bench.drain.ours", **given)
    return float(done["records"] / done["seconds"])


def _stock(url: str) -> float:
    valkey.empty(url)
    done = measured("simulation_bench.drain.stock", redis=url, jobs=STOCK_JOBS)
    return float(STOCK_JOBS / done["seconds"])


def _theirs(beside: peer.Peer, url: str) -> float:
    valkey.empty(url)
    done = beside.measured("drain", url=url, jobs=PEER_JOBS, seconds=SECONDS, concurrency=PEER_CONCURRENCY)
    return float(done["done"] / done["seconds"])
