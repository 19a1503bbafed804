"""Runs in a ledger, as acceptance makes them and the operator stores them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from simulation_bench import portals
from simulation_core.clock import from_ms, now_ms
from simulation_core.ledger import accept, partitions, plans
from simulation_core.ledger.engine import transaction
from simulation_core.plan import PLAN_VERSION, Plan, make_plan
from simulation_core.plan.load import Load, load_of
from simulation_core.spec import Spec, parse_spec

HOUR_MS = 3_600_000
DAY_SECONDS = 86_400
SEED = 42
LOOK_SECONDS = 0.5
USER = UUID("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a run's records lie in time. Plans of every size are equally dense."""

    records: int
    tolerance_ms: int
    records_a_second: int = 1000  # on average
    method: str = "BellCurve"
    scenario: str = "B2C"
    portal: str = portals.PORTAL
    source: str = "Faker"  # of its content

    @property
    def window_ms(self) -> int:
        return self.records * 1000 // self.records_a_second

    @property
    def spec(self) -> Spec:
        return parse_spec(self.manifest)

    @property
    def manifest(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "portal": self.portal,
            "content": {"source": self.source},
            "totalRecords": self.records,
            "durationSeconds": self.window_ms // 1000,
            "distribution": {"method": self.method},
            "toleranceMilliseconds": self.tolerance_ms,
        }

    def plan(self) -> Plan:
        return make_plan(self.spec, start_ms=0, window_ms=self.window_ms, seed=SEED)

    def load(self, plan: Plan) -> Load:
        return load_of(self.spec, plan, seed=SEED)


def accepted(engine: Engine, id: UUID, shape: Shape, *, starts_in_ms: int = -HOUR_MS) -> int:  # noqa: A002 - the column's name
    """A run in a window that isn't over; by default its start is an hour ago, so that all of it is due once it is published.

    Returns its start, in milliseconds since the epoch.
    """
    start_ms = now_ms() + starts_in_ms
    start = from_ms(start_ms).isoformat(timespec="milliseconds")
    manifest = {**shape.manifest, "startTime": start, "durationSeconds": DAY_SECONDS}
    accept.accept(
        engine,
        id=id,
        namespace="bench",
        name="bench",
        spec=manifest,
        parsed=parse_spec(manifest),
        seed=SEED,
        default_user_id=USER,
        lead_ms=0,
        plan_version=PLAN_VERSION,
    )
    return start_ms


def store(engine: Engine, id: UUID, plan: Plan, load: Load) -> None:  # noqa: A002 - the column's name
    """As the operator does it."""
    partitions.ensure(engine, id, batches=len(plan.batches))
    stored = 0
    while stored < len(plan.batches):
        stored = plans.store(engine, id, plan, stored)
    plans.publish(engine, id, plan, load)


def coming(engine: Engine, shape: Shape, *, runs: int, lead_ms: int) -> dict[UUID, int]:
    """Published runs of one plan that begin so long from now. By id, when each starts, in milliseconds since the epoch."""
    plan = shape.plan()
    load = shape.load(plan)
    starts_ms = {id_: accepted(engine, id_, shape, starts_in_ms=lead_ms) for id_ in [uuid4() for _ in range(runs)]}
    for run in starts_ms:
        store(engine, run, plan, load)
    if (start_ms := min(starts_ms.values())) <= now_ms():
        raise TimeoutError(f"the plans were stored {now_ms() - start_ms} ms after their first records were due")
    return starts_ms


def delivered(engine: Engine, id: UUID) -> dict[int, int]:  # noqa: A002 - the column's name
    """When HubSpot had answered the last call for each record that is delivered: milliseconds from the run's start, by its number."""
    batches = "SELECT first_record, delivered_offsets FROM batches WHERE simulation_id = :id AND delivered_offsets IS NOT NULL"
    with transaction(engine) as connection:
        return {
            first + index: offset_ms
            for first, offsets_ms in connection.execute(text(batches), {"id": id})
            for index, offset_ms in enumerate(offsets_ms)
            if offset_ms is not None
        }


def counted_by(engine: Engine, ids: Sequence[UUID], records: int, *, until_s: float) -> int:
    """Returns when the ledger has counted so many, or at that moment of the monotonic clock. How many it has counted."""
    while (counted := processed(engine, ids)) < records and time.monotonic() < until_s:
        time.sleep(LOOK_SECONDS)
    return counted


def wait_until_processed(engine: Engine, ids: Sequence[UUID], records: int, *, until_s: float) -> None:
    """Raises TimeoutError where the ledger hasn't counted them all at that moment of the monotonic clock."""
    if (counted := counted_by(engine, ids, records, until_s=until_s)) < records:
        raise TimeoutError(f"only {counted:,} of {records:,} records were delivered in time")


def processed(engine: Engine, ids: Sequence[UUID]) -> int:
    """The records that the ledger has counted, of these runs together."""
    with transaction(engine) as connection:
        counted = connection.scalar(text("SELECT sum(records_processed) FROM simulations WHERE id = ANY(:ids)"), {"ids": list(ids)})
        return int(counted or 0)
