"""The child process that stores a plan, a batch a record: in bounded transactions, or naively in one."""

from __future__ import annotations

import time
from uuid import uuid4

from simulation_bench.child import answer, arguments
from simulation_bench.runs import Shape, accepted, store
from simulation_core.ledger import plans
from simulation_core.ledger.engine import create_ledger_engine


def main() -> None:
    given = arguments()
    records = int(given["records"])
    engine = create_ledger_engine(given["url"], application_name="bench-storing")
    run = uuid4()
    shape = Shape(records=records, tolerance_ms=0)
    accepted(engine, run, shape)
    plan = shape.plan()
    load = shape.load(plan)
    begun = time.time()
    if given["kind"] == "naive":
        plans.store(engine, run, plan, 0, limit=records)
        plans.publish(engine, run, plan, load)
    else:
        store(engine, run, plan, load)
    answer(begun=begun, ended=time.time())


if __name__ == "__main__":
    main()
