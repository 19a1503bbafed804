"""From when a record is due to when work on it starts: the product's scheduler and workers, and BullMQ, at one rate."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from simulation_bench import peer, valkey
from simulation_bench.child import command
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, Process, environment, running, wait_for_workers
from simulation_bench.runs import Shape, coming, wait_until_processed
from simulation_core.ledger.engine import create_ledger_engine

MOST_A_SECOND = 1_000  # of one run: a spec with more records than milliseconds is refused
SECONDS = 20
LEAD_MS = 8_000  # until the first is due: to plan, to store and to offer
PEER_LEADS_MS = (8_000, 24_000)  # to add the jobs; the second only where the first did not do
PEER_CONCURRENCY = 50
LONGEST_MS = 60_000  # all told


@dataclass(frozen=True, kw_only=True)
class Rate:
    per_second: int
    workers: int  # processes of ours

    @property
    def records(self) -> int:
        return self.per_second * SECONDS

    @property
    def runs(self) -> int:
        return self.per_second // MOST_A_SECOND


@dataclass(frozen=True, kw_only=True)
class Started:
    """One round. `unstarted` are jobs that nobody had begun at the end; they count with the lateness they had by then."""

    lateness_ms: Sequence[float]
    unstarted: int = 0


def ours(databases: Databases, url: str, rate: Rate) -> Started:
    """Raises TimeoutError where the ledger hasn't counted everything in time."""
    valkey.empty(url)
    with (
        databases.new("lateness") as database,
        tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder,
        ExitStack() as processes,
    ):
        told = environment(Path(folder), database=database, redis=url)
        child = command("simulation_bench.lateness.worker", database=database, redis=url)
        workers = [processes.enter_context(running(child, environment=told, stdout=PIPE)) for _ in range(rate.workers)]
        processes.enter_context(running(SCHEDULER, environment=told))
        wait_for_workers(url, rate.workers)
        _play(database, rate)
        lateness_ms = [each for worker in workers for each in _answer(worker)]
    if len(lateness_ms) != rate.records:
        raise ValueError(f"{len(lateness_ms):,} deliveries were begun for {rate.records:,} records")
    return Started(lateness_ms=lateness_ms)


def theirs(beside: peer.Peer, url: str, rate: Rate) -> Started:
    """With more time to add its jobs where a busy machine needs it."""
    for lead_ms in PEER_LEADS_MS:
        valkey.empty(url)
        given = {"records": rate.records, "per_second": rate.per_second, "lead_ms": lead_ms, "longest_ms": LONGEST_MS}
        answer = beside.measured("lateness", url=url, concurrency=PEER_CONCURRENCY, **given)
        if "lateness_ms" in answer:
            return Started(lateness_ms=answer["lateness_ms"], unstarted=answer["unstarted"])
    raise TimeoutError(f"BullMQ did not add {rate.records:,} jobs within {PEER_LEADS_MS[-1]} ms")


def _play(database: str, rate: Rate) -> None:
    shape = Shape(records=rate.records // rate.runs, tolerance_ms=0, records_a_second=MOST_A_SECOND, method="Linear")
    engine = create_ledger_engine(database, application_name="bench", pool_size=1)
    until_s = time.monotonic() + LONGEST_MS / 1000
    starts_ms = coming(engine, shape, runs=rate.runs, lead_ms=LEAD_MS)
    time.sleep(max(0.0, (max(starts_ms.values()) + shape.window_ms) / 1000 - time.time()))
    wait_until_processed(engine, list(starts_ms), rate.records, until_s=until_s)
    engine.dispose()


def _answer(worker: Process) -> Sequence[float]:
    worker.terminate()
    lateness_ms: Sequence[float] = json.loads(worker.communicate()[0])
    return lateness_ms
