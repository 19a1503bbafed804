"""The child process that stores a plan, a batch a record: in bounded transactions, or naively in one."""

from __future__ import annotations

import time
from uuid import uuid4

from simulation_bench.child import answer, arguments
from simulation_bench.growth.one_size import SEED, store
from simulation_bench.growth.runs import accepted, spec_of, window_ms
from simulation_core.ledger import plans
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.plan import make_plan


def main() -> None:
    given = arguments()
    records = int(given["records"])
    engine = create_ledger_engine(given["url"], application_name="bench-storing")
    run = uuid4()
    accepted(engine, run, records, 0)
    plan = make_plan(spec_of(records, 0), start_ms=0, window_ms=window_ms(records), seed=SEED)
    begun = time.time()
    if given["kind"] == "naive":
        plans.store(engine, run, plan, 0, limit=records)
        plans.publish(engine, run, plan)
    else:
        store(engine, run, plan)
    answer(begun=begun, ended=time.time())


if __name__ == "__main__":
    main()
