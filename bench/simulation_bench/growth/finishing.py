"""The child process that is a running simulation: claims all it will need, then finishes one batch after the other until its stdin ends."""

from __future__ import annotations

import json
import select
import sys
import time
from uuid import uuid4

from simulation_bench.child import arguments
from simulation_bench.runs import Shape, accepted, store
from simulation_core.ledger import claims, finishes
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import Claimed, ClaimRequest, Finish

BATCHES = 60_000
A_CLAIM = 500


def main() -> None:
    engine = create_ledger_engine(arguments()["url"], application_name="bench-finishing")
    run = uuid4()
    shape = Shape(records=BATCHES, tolerance_ms=0)
    accepted(engine, run, shape)
    plan = shape.plan()
    store(engine, run, plan, shape.load(plan))
    held: list[Claimed] = []
    for first in range(0, BATCHES, A_CLAIM):
        requests = [ClaimRequest(simulation_id=run, batch=batch, attempt=1) for batch in range(first, first + A_CLAIM)]
        held += [got for got in claims.claim(engine, requests, lease_ms=3_600_000) if isinstance(got, Claimed)]
    print("begins", flush=True)
    finished_at = []
    for one in held:
        assert finishes.finish(engine, [Finish(fence=one.fence, rest_delivered_ms=one.claimed_ms)]) == [True]
        finished_at.append(time.time())
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    print(json.dumps(finished_at))


if __name__ == "__main__":
    main()
