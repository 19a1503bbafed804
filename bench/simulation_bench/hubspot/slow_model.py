"""Records whose content a language model writes, which takes twenty seconds an answer: how many are late for that."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import Engine, text

from simulation_bench import valkey
from simulation_bench.emulator import emulator
from simulation_bench.hubspot.behind import CALLS_PER_TEN_SECONDS, LATENCY
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, WORKER, environment, running, serving, wait_for_workers
from simulation_bench.runs import Shape, coming, counted_by, delivered
from simulation_core.ledger.engine import create_ledger_engine, transaction

ANSWER_MS = 20_000
MODEL = "sandbox-model"
TOLERANCE_MS = 1_000
CALLS_MS = 1_000  # what the calls to HubSpot may take, beside what batching may
LEAD_MS = 60_000  # from acceptance to the first record: half the time for which content is prepared ahead
LATEST_SECONDS = 60


def late_records(databases: Databases, url: str, *, per_second: int, seconds: int) -> int:
    """Of one worker process and one simulation."""
    valkey.empty(url)
    shape = Shape(
        records=per_second * seconds,
        tolerance_ms=TOLERANCE_MS,
        records_a_second=per_second,
        method="Linear",
        scenario="B2B",
        source="OpenAI",
    )
    with databases.new("model") as database, tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder, ExitStack() as processes:
        crm = processes.enter_context(emulator(CALLS_PER_TEN_SECONDS))
        crm.add_fault(LATENCY)
        model = processes.enter_context(serving("model", _take_long))
        told = {
            **environment(Path(folder), database=database, redis=url, hubspot=crm.url, calls_per_ten_seconds=CALLS_PER_TEN_SECONDS),
            "SIMULATION_OPENAI_MODEL": MODEL,
            "SIMULATION_OPENAI_BASE_URL": f"{model}/v1",
        }
        engine = create_ledger_engine(database, application_name="bench", pool_size=1)
        with running(SCHEDULER, environment=told), running(WORKER, environment=told):
            wait_for_workers(url, 1)
            ((run, start_ms),) = coming(engine, shape, runs=1, lead_ms=LEAD_MS).items()
            time.sleep(max(0.0, start_ms / 1000 + seconds - time.time()))
            counted_by(engine, [run], shape.records, until_s=time.monotonic() + LATEST_SECONDS)
        found = late(shape.plan().offsets_ms.tolist(), delivered(engine, run), _written_by_the_model(engine, run))
        engine.dispose()
    return found


def late(due_ms: Sequence[int], delivered_ms: Mapping[int, int], written_by_the_model: Collection[int]) -> int:
    """Records that came too late or never, and those for which the model's words came too late, so that Faker wrote them."""
    longest_ms = TOLERANCE_MS + CALLS_MS
    in_time = {record for record, moment_ms in delivered_ms.items() if moment_ms - due_ms[record] <= longest_ms}
    return len(due_ms) - len(in_time & set(written_by_the_model))


def _take_long(url: str) -> None:
    httpx.post(f"{url}/_model/faults", json={"kind": "latency", "milliseconds": ANSWER_MS, "times": None}).raise_for_status()


def _written_by_the_model(engine: Engine, run: UUID) -> set[int]:
    with transaction(engine) as connection:
        return set(connection.scalars(text("SELECT record FROM contents WHERE simulation_id = :id AND source = 'OpenAI'"), {"id": run}))
