"""The child process that is a worker: fills its queue with due batches, then works until they are done or its seconds are over."""

from __future__ import annotations

import threading
import time
from uuid import UUID, uuid4

from sqlalchemy import Engine

from simulation_bench import portals
from simulation_bench.child import answer, arguments
from simulation_bench.drain.limit import Limit
from simulation_bench.runs import Shape, accepted, processed, store
from simulation_bench.worker.without_hubspot import WithoutHubSpot
from simulation_bench.worker.working import ledger, work
from simulation_core.ledger import dispatch
from simulation_core.queue.connection import connect
from simulation_core.queue.scheduler import BulkScheduler


def main() -> None:
    given = arguments()
    shape = Shape(records=int(given["records"]), tolerance_ms=int(given["tolerance_ms"]), method="Linear")
    engine = ledger(given["database"])
    run = uuid4()
    _fill(engine, run, shape, given["redis"])
    limit = Limit(records=shape.records, seconds=float(given["seconds"]))
    patience = threading.Timer(limit.seconds * 4, limit.reached.set)  # should nothing come
    patience.start()
    limit.begun_s = time.monotonic()
    work(engine, given["redis"], WithoutHubSpot(limit.count), limit.reached, slots=int(given["slots"]))
    seconds = limit.elapsed_s()
    patience.cancel()
    assert (counted := processed(engine, [run])) == limit.taken, f"the ledger counted {counted} records, the worker {limit.taken}"
    answer(records=limit.taken, seconds=seconds)


def _fill(engine: Engine, run: UUID, shape: Shape, redis: str) -> None:
    accepted(engine, run, shape)
    plan = shape.plan()
    store(engine, run, plan, shape.load(plan))
    offers = dispatch.overdue(engine, portals.PORTAL, limit=len(plan.batches))
    assert BulkScheduler(connect(redis)).schedule_offers(offers) == len(plan.batches)


if __name__ == "__main__":
    main()
