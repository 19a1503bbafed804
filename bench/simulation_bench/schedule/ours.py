"""The child process: plans, stores and publishes a run that begins in an hour, then puts its jobs into Redis in two ways.

First as the dispatcher does it with a horizon that reaches a minute into the plan; then, where it is asked for, all jobs at once, into an
emptied Redis, through the same query and the same script. Reading the plan back from the ledger counts in both.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from redis import Redis
from sqlalchemy import Engine

from simulation_bench import portals, valkey
from simulation_bench.child import answer, arguments
from simulation_bench.runs import HOUR_MS, Shape, accepted, store
from simulation_core.clock import now_ms
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.queue.scheduler import BulkScheduler
from simulation_operator.scheduler.dispatcher import HORIZON_MS, Dispatcher
from simulation_operator.scheduler.walk import PAGE, Walk


def main() -> None:
    given = arguments()
    shape = Shape(records=int(given["records"]), tolerance_ms=int(given["tolerance_ms"]), method="Linear")
    engine = create_ledger_engine(given["database"], application_name="bench")
    redis = connect(given["redis"])
    id_ = uuid4()
    start_ms = accepted(engine, id_, shape, starts_in_ms=HOUR_MS)
    begun = time.perf_counter()
    plan = shape.plan()
    store(engine, id_, plan, shape.load(plan))
    found: dict[str, float] = {"stored_s": time.perf_counter() - begun}

    def scheduled(part: str, put: Callable[[], int]) -> None:
        before = valkey.empty(given["redis"])
        begun = time.perf_counter()
        jobs = put()
        seconds = time.perf_counter() - begun
        redis.connection_pool.disconnect()  # its buffers are no part of what is stored
        found.update({f"{part}_s": seconds, f"{part}_jobs": jobs, f"{part}_bytes": valkey.used_memory(given["redis"]) - before})

    scheduled("horizon", lambda: _by_dispatcher(engine, redis, start_ms))
    if given["everything"] == "True":
        scheduled("everything", lambda: _all(engine, redis, shape))
    answer(**found)


def _by_dispatcher(engine: Engine, redis: Redis, start_ms: int) -> int:
    """Ticks until one finds only what came into the horizon since. Returns how many jobs are in Redis."""
    with tempfile.TemporaryDirectory() as folder:
        file = PortalsFile(portals.write(Path(folder)))
        dispatcher = Dispatcher(engine, BulkScheduler(redis), file, horizon_ms=start_ms - now_ms() + HORIZON_MS)
        jobs = 0
        while (added := dispatcher.tick().upcoming) >= PAGE:
            jobs += added
        return jobs + added


def _all(engine: Engine, redis: Redis, shape: Shape) -> int:
    """As the dispatcher walks, page by page, but with a horizon beyond the plan's end and all in one go."""
    walk = Walk(engine, BulkScheduler(redis).schedule_offers, horizon_ms=2 * HOUR_MS + shape.window_ms)
    return walk.go_on([portals.PORTAL], seconds=math.inf)


if __name__ == "__main__":
    main()
