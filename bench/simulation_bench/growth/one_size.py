"""The child process: one of plan, batch, store, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4

from sqlalchemy import Engine

from simulation_bench.child import answer, arguments
from simulation_bench.growth.runs import accepted, spec_of, window_ms
from simulation_bench.memory import PeakMemory
from simulation_core.ledger import partitions, plans
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.plan import Plan, in_batches, make_plan

SEED = 42


def store(engine: Engine, id: UUID, plan: Plan) -> None:  # noqa: A002 - the column's name
    """As the operator does it."""
    partitions.ensure(engine, id, batches=len(plan.batches))
    stored = plans.watermark(engine, id)
    while stored < len(plan.batches):
        stored = plans.store(engine, id, plan, stored)
    plans.publish(engine, id, plan)


def _work(what: str, records: int, tolerance_ms: int, url: str) -> Callable[[], object]:
    """All that comes before it is done; what is returned is measured."""
    spec = spec_of(records, tolerance_ms)
    if what == "plan":
        return lambda: make_plan(spec, start_ms=0, window_ms=window_ms(records), seed=SEED)
    plan = make_plan(spec, start_ms=0, window_ms=window_ms(records), seed=SEED)
    if what == "batch":
        return lambda: in_batches(plan.offsets_ms, tolerance_ms)
    engine = create_ledger_engine(url, application_name="bench")
    id_ = uuid4()
    accepted(engine, id_, records, tolerance_ms)
    return lambda: store(engine, id_, plan)


def main() -> None:
    given = arguments()
    work = _work(given["what"], int(given["records"]), int(given["tolerance_ms"]), given["url"])
    memory, begun = PeakMemory(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    answer(seconds=seconds, megabytes=memory.growth_mb())


if __name__ == "__main__":
    main()
