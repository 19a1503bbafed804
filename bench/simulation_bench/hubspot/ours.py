"""The product behind HubSpot's limit: one scheduler and one worker as processes, and more records due than the limit lets through."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from simulation_bench import valkey
from simulation_bench.emulator import emulator
from simulation_bench.hubspot.behind import CALLS_PER_TEN_SECONDS, LATENCY, Span
from simulation_bench.hubspot.rate import Throughput, sustained
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, WORKER, environment, running, wait_for_workers
from simulation_bench.runs import Shape, coming, delivered
from simulation_core.ledger.engine import create_ledger_engine

RUNS = 2
PER_SECOND = 1_000  # of each run, as dense as one may be; both together far more than the limit lets through
TOLERANCE_MS = 1_000
LEAD_MS = 8_000  # the worker prepares the portal's properties meanwhile, and its budget fills up


def round_of(databases: Databases, url: str, span: Span) -> Throughput:
    valkey.empty(url)
    shape = Shape(
        records=PER_SECOND * (span.seconds + 1), tolerance_ms=TOLERANCE_MS, records_a_second=PER_SECOND, method="Linear", scenario="B2B"
    )
    with (
        databases.new("hubspot") as database,
        tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder,
        emulator(CALLS_PER_TEN_SECONDS) as crm,
    ):
        crm.add_fault(LATENCY)
        told = environment(Path(folder), database=database, redis=url, hubspot=crm.url, calls_per_ten_seconds=CALLS_PER_TEN_SECONDS)
        engine = create_ledger_engine(database, application_name="bench", pool_size=1)
        with running(SCHEDULER, environment=told), running(WORKER, environment=told):
            wait_for_workers(url, 1)
            starts_ms = coming(engine, shape, runs=RUNS, lead_ms=LEAD_MS)
            start_ms = max(starts_ms.values())
            time.sleep(max(0.0, start_ms / 1000 + span.seconds - time.time()))
            calls = crm.calls_by_status()
        moments_ms = [start + offset_ms for run, start in starts_ms.items() for offset_ms in delivered(engine, run).values()]
        engine.dispose()
    return Throughput(records_per_s=sustained(moments_ms, *span.within(start_ms)), calls=calls)
