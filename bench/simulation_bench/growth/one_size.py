"""The child process: one of plan, batch, store, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from simulation_bench.child import answer, arguments
from simulation_bench.memory import PeakMemory
from simulation_bench.runs import Shape, accepted, store
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.plan import in_batches


def _work(what: str, records: int, tolerance_ms: int, url: str) -> Callable[[], object]:
    """All that comes before it is done; what is returned is measured."""
    shape = Shape(records=records, tolerance_ms=tolerance_ms)
    if what == "plan":
        return shape.plan
    plan = shape.plan()
    if what == "batch":
        return lambda: in_batches(plan.offsets_ms, tolerance_ms)
    load = shape.load(plan)
    engine = create_ledger_engine(url, application_name="bench")
    id_ = uuid4()
    accepted(engine, id_, shape)
    return lambda: store(engine, id_, plan, load)


def main() -> None:
    given = arguments()
    work = _work(given["what"], int(given["records"]), int(given["tolerance_ms"]), given["url"])
    memory, begun = PeakMemory(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    answer(seconds=seconds, megabytes=memory.growth_mb())


if __name__ == "__main__":
    main()
