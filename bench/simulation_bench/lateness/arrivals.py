"""From when a record is due to when it arrives at HubSpot: scheduler, worker and emulator as processes, nothing left out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from simulation_bench import valkey
from simulation_bench.emulator import Arrival, emulator
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, WORKER, environment, running, wait_for_workers
from simulation_bench.runs import Shape, coming, wait_until_processed
from simulation_core.content.keys import Identity, contact_role
from simulation_core.ledger.engine import create_ledger_engine

RUNS = 2
PER_SECOND = 2_000  # of both together
SECONDS = 10
LEAD_MS = 8_000  # until the first is due: the worker prepares the portal's properties meanwhile
LONGEST_SECONDS = 60


def lateness_ms(databases: Databases, url: str) -> Sequence[int]:
    """Each record's. Raises ValueError where the CRM doesn't hold exactly what was planned."""
    valkey.empty(url)
    per_run = PER_SECOND // RUNS
    shape = Shape(records=per_run * SECONDS, tolerance_ms=0, records_a_second=per_run, method="Linear")
    with databases.new("arrivals") as database, tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder, emulator() as crm:
        told = environment(Path(folder), database=database, redis=url, hubspot=crm.url)
        with running(SCHEDULER, environment=told), running(WORKER, environment=told):
            wait_for_workers(url, 1)
            engine = create_ledger_engine(database, application_name="bench", pool_size=1)
            until_s = time.monotonic() + LONGEST_SECONDS
            starts_ms = coming(engine, shape, runs=RUNS, lead_ms=LEAD_MS)
            time.sleep(max(0.0, (max(starts_ms.values()) + shape.window_ms) / 1000 - time.time()))
            wait_until_processed(engine, list(starts_ms), shape.records * RUNS, until_s=until_s)
            engine.dispose()
        return of_arrivals(crm.contacts(), due_ms(starts_ms, shape.plan().offsets_ms.tolist()))


def due_ms(starts_ms: Mapping[UUID, int], offsets_ms: Sequence[int]) -> Mapping[str, int]:
    """When each record is due, by the key of its contact."""
    return {
        Identity(run, record).key(contact_role(0)): start_ms + offset_ms
        for run, start_ms in starts_ms.items()
        for record, offset_ms in enumerate(offsets_ms)
    }


def of_arrivals(arrivals: Sequence[Arrival], due_ms: Mapping[str, int]) -> Sequence[int]:
    if sorted(arrival.key for arrival in arrivals) != sorted(due_ms):
        raise ValueError(f"the CRM holds {len(arrivals):,} contacts where {len(due_ms):,} were planned, or others than these")
    return [arrival.created_ms - due_ms[arrival.key] for arrival in arrivals]
