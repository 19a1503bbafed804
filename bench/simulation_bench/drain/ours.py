"""The child process that is a worker: fills its queue with due batches, then works until they are done or its seconds are over."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from simulation_bench import portals
from simulation_bench.child import answer, arguments
from simulation_bench.drain.without_hubspot import Limit, UnconnectedDesk, WithoutHubSpot
from simulation_bench.runs import Shape, accepted, store
from simulation_core.ledger import dispatch
from simulation_core.ledger.engine import create_ledger_engine, transaction
from simulation_core.portals import Portal, PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.queue.taking import Intake
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.main import CONNECTIONS, SWITCH_SECONDS
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop

SLOTS = 8  # as installed


def main() -> None:
    given = arguments()
    shape = Shape(records=int(given["records"]), tolerance_ms=int(given["tolerance_ms"]), method="Linear")
    engine = create_ledger_engine(given["database"], application_name="bench-worker", pool_size=CONNECTIONS)
    run = uuid4()
    _fill(engine, run, shape, given["redis"])
    limit = Limit(records=shape.records, seconds=float(given["seconds"]))
    with tempfile.TemporaryDirectory() as folder:
        _work(engine, given["redis"], Path(folder), limit)
    seconds = limit.elapsed_s()
    assert (counted := _processed(engine, run)) == limit.taken, f"the ledger counted {counted} records, the worker {limit.taken}"
    answer(records=limit.taken, seconds=seconds)


def _fill(engine: Engine, run: UUID, shape: Shape, redis: str) -> None:
    accepted(engine, run, shape)
    plan = shape.plan()
    store(engine, run, plan)
    offers = dispatch.overdue(engine, portals.PORTAL, limit=len(plan.batches))
    assert BulkScheduler(connect(redis)).schedule_offers(offers) == len(plan.batches)


def _work(engine: Engine, redis: str, folder: Path, limit: Limit) -> None:
    """As simulation-worker's main does it, but for desk and delivery."""
    (folder / portals.PORTAL).write_text("no-token-is-sent", encoding="ascii")
    metrics = Metrics(CollectorRegistry())
    sys.setswitchinterval(SWITCH_SECONDS)

    def desk(portal: Portal, token: str) -> Desk:
        return UnconnectedDesk(portal, token, engine=engine, metrics=metrics)

    connection = connect(redis)
    workshop = Workshop(
        engine,
        Intake(connection, "bench", lease_seconds=JOB_SECONDS),
        WithoutHubSpot(limit),
        metrics=metrics,
        slots=Slots(SLOTS),
        stopping=limit.reached,
    )
    worker = BatchWorker(
        connection,
        Desks(PortalsFile(portals.write(folder)), folder, desk),
        workshop,
        name="bench",
        ledger_answers=lambda: True,
        stopping=limit.reached,
    )
    patience = threading.Timer(limit.seconds * 4, limit.reached.set)  # should nothing come
    patience.start()
    limit.begun_s = time.monotonic()
    worker.work()
    patience.cancel()


def _processed(engine: Engine, run: UUID) -> int:
    with transaction(engine) as connection:
        return int(connection.scalar(text("SELECT records_processed FROM simulations WHERE id = :id"), {"id": run}) or 0)


if __name__ == "__main__":
    main()
