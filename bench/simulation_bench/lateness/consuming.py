"""The child process that plans runs, and then takes their jobs from the queue as they come.

Answers each job's lateness: milliseconds from when it was due to when its claim had been committed and work on it could begin.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from redis import Redis
from sqlalchemy import Engine

from simulation_bench.child import arguments
from simulation_bench.portals import PORTAL
from simulation_bench.runs import Shape, accepted, store
from simulation_core.ledger import claims, finishes
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import Claimed, ClaimRequest, Early, Finish, Outcome, RecordResult
from simulation_core.queue.connection import connect
from simulation_core.queue.names import Kind, parse_job_id, queue_name

A_POP = 100
POP_SECONDS = 1
LEASE_MS = 60_000
MOST_A_SECOND = 1_000  # of one run: a spec with more records than milliseconds is refused
QUEUE = f"rq:queue:{queue_name(Kind.DELIVER, PORTAL)}"
DELIVERED = [RecordResult(index=0, outcome=Outcome.DELIVERED)]


def main() -> None:
    given = arguments()
    records, runs = int(given["records"]), int(given["per_second"]) // MOST_A_SECOND
    shape = Shape(records=records // runs, tolerance_ms=0, records_a_second=MOST_A_SECOND, method="Linear")
    engine = create_ledger_engine(given["database"], application_name="bench-consumer", pool_size=2)
    redis = connect(given["redis"])
    until_s = time.monotonic() + int(given["longest_ms"]) / 1000
    plan, lead_ms = shape.plan(), int(given["lead_ms"])
    for run in [uuid4() for _ in range(runs)]:
        accepted(engine, run, shape, starts_in_ms=lead_ms)
        store(engine, run, plan)
    lateness: list[float] = []
    for requests in _popped(redis):
        lateness += _carried_out(engine, requests)
        if len(lateness) == records:
            break
        if time.monotonic() > until_s:
            raise TimeoutError(f"only {len(lateness)} of {records} jobs started in time")
    print(json.dumps({"lateness_ms": lateness}))


def _popped(redis: Redis) -> Iterator[Sequence[ClaimRequest]]:
    """Up to a hundred at a time; none after a second without any. What was taken before is deleted on the way."""
    while True:
        answer: Any = redis.blmpop(POP_SECONDS, 1, QUEUE, direction="LEFT", count=A_POP)
        jobs = [job.decode() for job in answer[1]] if answer else []
        yield [parse_job_id(job) for job in jobs]
        if jobs:
            redis.delete(*(f"rq:job:{job}" for job in jobs))


def _carried_out(engine: Engine, requests: Sequence[ClaimRequest]) -> list[float]:
    """Those that came too early are claimed again when it is time, so that they count, as what they are."""
    lateness = []
    while requests:
        results = claims.claim(engine, requests, lease_ms=LEASE_MS)
        now_ms = time.time() * 1000
        claimed = [result for result in results if isinstance(result, Claimed)]
        lateness += [now_ms - max(one.due_ms) for one in claimed]
        assert all(finishes.finish(engine, [Finish(fence=one.fence, results=DELIVERED) for one in claimed]))
        early = [result for result in results if isinstance(result, Early)]
        time.sleep(max((result.remaining_ms for result in early), default=0) / 1000)
        requests = [result.request for result in early]
    return lateness


if __name__ == "__main__":
    main()
