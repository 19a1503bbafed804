"""The product under faults: three schedulers and four workers as processes, an emulator without limits."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_bench import portals, valkey
from simulation_bench.emulator import emulator
from simulation_bench.exactness import faults
from simulation_bench.exactness.verdict import Account, Verdict, of_crm_and_ledger
from simulation_bench.postgres import Databases
from simulation_bench.processes import SCHEDULER, WORKER, Process, environment, running, wait_for_workers
from simulation_bench.runs import Shape, coming, counted_by, processed
from simulation_core.content.keys import Identity, contact_role
from simulation_core.kinds import Kind
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.ledger.values import ClaimRequest
from simulation_core.queue.connection import connect
from simulation_core.queue.jobs import SCHEDULED
from simulation_core.queue.names import parse_job_id, queue_name

SCHEDULERS, WORKERS = 3, 4
WINDOW_MS = 20_000
SHAPES = (
    Shape(records=2_000, tolerance_ms=0, records_a_second=100, method="Linear"),
    Shape(records=4_000, tolerance_ms=1_000, records_a_second=200, method="Linear"),
)
RUNS_A_SHAPE = 2
RECORDS = RUNS_A_SHAPE * sum(shape.records for shape in SHAPES)
LEAD_MS = 8_000
LATEST_SECONDS = 150  # after the window: a killed worker's claims run out after a minute, and are offered again
LINGER_SECONDS = 5  # what comes twice may come late
WIP = f"rq:wip:{queue_name(Kind.DELIVER, portals.PORTAL)}"


@dataclass(frozen=True, kw_only=True)
class Coming:
    """Published runs."""

    sizes: Mapping[UUID, int]  # records of each
    first_start_ms: int
    last_start_ms: int

    def keys(self) -> set[str]:
        """Of all contacts there shall be."""
        return {Identity(run, record).key(contact_role(0)) for run, records in self.sizes.items() for record in range(records)}


def round_of(databases: Databases, url: str) -> Verdict:
    valkey.empty(url)
    with databases.new("exactness") as database, tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder, emulator() as crm:
        told = environment(Path(folder), database=database, redis=url, hubspot=crm.url)
        engine = create_ledger_engine(database, application_name="bench", pool_size=1)
        with ExitStack() as processes:
            schedulers = [processes.enter_context(running(SCHEDULER, environment=told)) for _ in range(SCHEDULERS)]
            workers = [processes.enter_context(running(WORKER, environment=told)) for _ in range(WORKERS)]
            wait_for_workers(url, WORKERS)
            runs = _coming(engine)
            said = _break(engine, url, runs.first_start_ms, schedulers[0], workers[0])
            faults.wait_for(runs.last_start_ms + WINDOW_MS)
            counted_by(engine, list(runs.sizes), RECORDS, until_s=time.monotonic() + LATEST_SECONDS)
            time.sleep(LINGER_SECONDS)
            wait_for_workers(url, WORKERS - 1)
        account = _account(engine, list(runs.sizes))
        engine.dispose()
        created = crm.contacts()
    again = sum(contact.writes > 1 for contact in created)
    said += f"; {account.batches_tried_again} batches took another attempt, {again} contacts were written again and are one"
    return of_crm_and_ledger(runs.keys(), (contact.key for contact in created), account, said)


def _coming(engine: Engine) -> Coming:
    sizes: dict[UUID, int] = {}
    starts_ms: list[int] = []
    for shape in SHAPES:
        runs = coming(engine, shape, runs=RUNS_A_SHAPE, lead_ms=LEAD_MS)
        sizes |= dict.fromkeys(runs, shape.records)
        starts_ms += runs.values()
    return Coming(sizes=sizes, first_start_ms=min(starts_ms), last_start_ms=max(starts_ms))


def _break(engine: Engine, url: str, start_ms: int, scheduler: Process, worker: Process) -> str:
    faults.wait_for(start_ms + WINDOW_MS / 3)
    first = faults.flush(url, SCHEDULED)
    faults.wait_for(start_ms + WINDOW_MS / 2)
    faults.kill(scheduler)
    held = faults.kill_holding(worker, lambda: _claimed(engine, _in_hand(url, worker.pid)))
    faults.wait_for(start_ms + WINDOW_MS * 2 / 3)
    second = faults.flush(url, SCHEDULED)
    return f"{first} and {second} scheduled jobs were flushed, a scheduler killed, and a worker with {held} batches claimed"


def _in_hand(url: str, pid: int) -> Sequence[ClaimRequest]:
    """What the worker with that process id has taken and not acknowledged."""
    with closing(connect(url)) as redis:
        members: Any = redis.zrange(WIP, 0, -1)
    jobs = (member.decode().rpartition(":") for member in members)
    return [parse_job_id(job) for job, _, holder in jobs if f"-{pid}-" in holder]


def _claimed(engine: Engine, requests: Sequence[ClaimRequest]) -> int:
    """How many of these the ledger holds for claimed. The others are taken and not claimed yet, or done and not acknowledged."""
    statement = """
        SELECT count(*) FROM batches JOIN unnest(CAST(:ids AS uuid[]), CAST(:numbers AS int[])) AS asked (id, batch)
            ON simulation_id = asked.id AND number = asked.batch WHERE state = 1
    """
    given = {"ids": [each.simulation_id for each in requests], "numbers": [each.batch for each in requests]}
    with transaction(engine) as connection:
        return int(connection.scalar(text(statement), given) or 0)


def _account(engine: Engine, runs: Sequence[UUID]) -> Account:
    batches = """
        SELECT count(*) FILTER (WHERE state <> 2), count(*) FILTER (WHERE attempt > 1) FROM batches WHERE simulation_id = ANY(:ids)
    """
    with transaction(engine) as connection:
        open_, again = connection.execute(text(batches), {"ids": runs}).one()
    return Account(counted=processed(engine, runs), batches_open=open_, batches_tried_again=again)
