"""Without Kubernetes, from an accepted spec to records in HubSpot: plan, ledger, scheduler, queue, worker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from simulation_core.clock import to_ms
from simulation_core.ledger import accept, dispatch, plans
from simulation_core.ledger.values import Status
from simulation_core.plan import PLAN_VERSION, make_plan
from simulation_core.plan.load import load_of
from simulation_core.queue.connection import connect
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.spec import parse_spec

USER = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")
LEAD_MS = 2_000


def planned_ms(plan: Any, start_ms: int) -> list[int]:
    return [start_ms + int(offset) for offset in plan.offsets_ms]


def accepted(engine: Engine, **spec: Any) -> tuple[uuid.UUID, list[int]]:
    """A published run, and when each of its records is due."""
    run, parsed = uuid.uuid4(), parse_spec(spec)
    row = accept.accept(
        engine,
        id=run,
        namespace="team-a",
        name="spring",
        spec=spec,
        parsed=parsed,
        seed=42,
        default_user_id=USER,
        lead_ms=LEAD_MS,
        plan_version=PLAN_VERSION,
    )
    assert row.start_ms is not None
    plan = make_plan(parsed, start_ms=row.start_ms, window_ms=parsed.window_ms(row.start_ms), seed=42)
    stored = 0
    while stored < len(plan.batches.offset_ms):
        stored = plans.store(engine, run, plan, stored)
    plans.publish(engine, run, plan, load_of(parsed, plan, seed=42))
    return run, planned_ms(plan, row.start_ms)


@pytest.fixture
def scheduler(engine: Engine, redis_url: str) -> Iterator[None]:
    """What the process simulation-scheduler does, in threads: offer what the ledger says is wanted, and move what is due."""
    connection = connect(redis_url)
    bulk = BulkScheduler(connection=connection)
    stop = threading.Event()

    def offer() -> None:
        while not stop.wait(0.1):
            bulk.schedule_offers(dispatch.upcoming(engine, horizon_ms=10_000, limit=1_000))
            for portal in dispatch.portals_with_work(engine):
                bulk.schedule_offers(dispatch.overdue(engine, portal, limit=100))

    threads = [threading.Thread(target=offer), threading.Thread(target=bulk.run, args=(stop,))]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(10)
    connection.close()


@pytest.mark.parametrize("scenario", ["B2B", "B2C"])
def test_a_row_becomes_records_none_of_them_early(
    scheduler: None, start_worker: Any, ledger: Any, outside: Any, until: Any, engine: Engine, scenario: str
) -> None:
    start_worker()
    distribution = {"method": "BellCurve"}
    run, due_ms = accepted(
        engine, scenario=scenario, totalRecords=60, durationSeconds=4, distribution=distribution, toleranceMilliseconds=200
    )
    until(lambda: ledger.run(run).status.terminal, within_seconds=40)
    row = ledger.run(run)
    assert (row.status, row.records_processed, row.records_failed) == (Status.COMPLETED, 60, 0)
    primary, role = ("companies", "c") if scenario == "B2B" else ("contacts", "p0")
    written = {each["properties"]["simulation_key"]: each["createdAt"] for each in outside.objects(primary)}
    assert sorted(written) == sorted(f"{run}-{i}-{role}" for i in range(60))
    assert len(outside.objects("contacts")) == 60
    assert outside.joined() == (60 if scenario == "B2B" else 0)
    for record, due in enumerate(due_ms):
        assert to_ms(datetime.fromisoformat(written[f"{run}-{record}-{role}"])) >= due


def test_a_worker_killed_in_between_loses_and_doubles_nothing(
    scheduler: None, start_worker: Any, ledger: Any, outside: Any, until: Any, engine: Engine
) -> None:
    first = start_worker()
    run, _ = accepted(engine, scenario="B2B", totalRecords=40, durationSeconds=4, toleranceMilliseconds=100)
    until(lambda: ledger.run(run).records_processed >= 10, within_seconds=30)
    first.kill()
    ledger.expire(run)  # its lease, rather than waiting for it
    start_worker()
    until(lambda: ledger.run(run).status.terminal, within_seconds=60)
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 40)
    assert sorted(outside.keys("companies")) == sorted(f"{run}-{i}-c" for i in range(40))
    assert sorted(outside.keys("contacts")) == sorted(f"{run}-{i}-p0" for i in range(40))
