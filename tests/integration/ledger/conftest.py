"""Runs in the ledger, built in one line by what matters to the test."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from simulation_core.clock import from_ms, now_ms
from simulation_core.ledger import accept, claims, plans
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Claimed, ClaimRequest, Finish, Outcome, RecordResult
from simulation_core.plan import Batches, Plan
from simulation_core.plan.load import Load
from simulation_core.spec import parse_spec

DEFAULT_USER = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")
LEASE_MS = 60_000


def plan_of(offsets_ms: list[int], batch_size: int) -> Plan:
    """A plan with due times a test chose."""
    offsets = np.array(offsets_ms, dtype=np.int64)
    firsts = np.arange(0, len(offsets), batch_size, dtype=np.int64)
    ends = np.minimum(firsts + batch_size, len(offsets))
    batches = Batches(first_record=firsts, count=(ends - firsts).astype(np.int16), offset_ms=offsets[ends - 1])
    histogram = (len(offsets),) + (0,) * 39
    return Plan(offsets_ms=offsets, batches=batches, histogram=histogram, peak_per_minute=0, objects={"contacts": len(offsets)})


class MakeRun:
    """`MakeRun(engine).records(4).batches_of(2).published()`: all due already, unless the test says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.id = uuid.uuid4()
        self.plan = plan_of([0], 1)
        self.load = Load(calls=3, calls_per_ten_seconds=2, calls_per_day=3, batches_per_lead=1)
        self._offsets = [0]
        self._batch_size = 1
        self._started_ms_ago = 60_000
        self._spec: dict[str, Any] = {"scenario": "B2C", "durationSeconds": 3600}

    def on(self, engine: Engine) -> MakeRun:
        self.engine = engine
        return self

    def with_id(self, number: int) -> MakeRun:
        """Ids in a known order, for tests of lock orders."""
        self.id = uuid.UUID(int=number)
        return self

    def records(self, count: int) -> MakeRun:
        return self.due_at(*[0] * count)

    def due_at(self, *offsets_ms: int) -> MakeRun:
        """One record per offset from the start."""
        self._offsets = list(offsets_ms)
        return self

    def batches_of(self, size: int) -> MakeRun:
        self._batch_size = size
        return self

    def started_ms_ago(self, milliseconds: int) -> MakeRun:
        self._started_ms_ago = milliseconds
        return self

    def spec(self, **fields: Any) -> MakeRun:
        self._spec.update(fields)
        return self

    def accepted(self, *, lead_ms: int = 0, started: bool = True) -> MakeRun:
        self.plan = plan_of(self._offsets, self._batch_size)
        given = {**self._spec, "totalRecords": len(self._offsets)}
        if started and "startTime" not in given:
            given["startTime"] = from_ms(now_ms() - self._started_ms_ago).isoformat(timespec="milliseconds")
        accept.accept(
            self.engine,
            id=self.id,
            namespace="default",
            name="spring",
            spec=given,
            parsed=parse_spec(given),
            seed=42,
            default_user_id=DEFAULT_USER,
            lead_ms=lead_ms,
            plan_version=1,
        )
        return self

    def published(self) -> MakeRun:
        self.accepted()
        assert plans.store(self.engine, self.id, self.plan, 0) == len(self.plan.batches.offset_ms)
        self.publish()
        return self

    def publish(self) -> None:
        plans.publish(self.engine, self.id, self.plan, self.load)

    def request(self, batch: int = 0, attempt: int = 1) -> ClaimRequest:
        return ClaimRequest(simulation_id=self.id, batch=batch, attempt=attempt)

    def claimed(self, batch: int = 0, attempt: int = 1, lease_ms: int = LEASE_MS) -> Claimed:
        (result,) = claims.claim(self.engine, [self.request(batch, attempt)], lease_ms=lease_ms)
        assert isinstance(result, Claimed), result
        return result

    @staticmethod
    def delivered(claimed: Claimed, **fields: Any) -> Finish:
        """All its records were delivered."""
        results = [RecordResult(index=index, outcome=Outcome.DELIVERED, **fields) for index in range(len(claimed.outcomes))]
        return Finish(fence=claimed.fence, results=results)

    def column(self, name: str) -> Any:
        with transaction(self.engine) as connection:
            return connection.scalar(text(f"SELECT {name} FROM simulations WHERE id = :id"), {"id": self.id})

    def batch_column(self, name: str, batch: int = 0) -> Any:
        with transaction(self.engine) as connection:
            statement = text(f"SELECT {name} FROM batches WHERE simulation_id = :id AND number = :number")
            return connection.scalar(statement, {"id": self.id, "number": batch})

    def away_for(self, milliseconds: int) -> MakeRun:
        """As if nothing had been done for that long, rather than waiting: all the run's past lies back by it."""
        with transaction(self.engine) as connection:
            values = {"id": self.id, "past": timedelta(milliseconds=milliseconds)}
            connection.execute(text("UPDATE simulation_control SET changed_at = changed_at - :past WHERE simulation_id = :id"), values)
            connection.execute(
                text("""
                    UPDATE simulations SET start_time = start_time - :past, end_time = end_time - :past, skip_until = skip_until - :past
                    WHERE id = :id
                """),
                values,
            )
        return self

    def lease_runs_out(self, batch: int = 0) -> None:
        """Rather than waiting for it."""
        with transaction(self.engine) as connection:
            connection.execute(
                text("UPDATE batches SET lease_until = statement_timestamp() - interval '1 ms' WHERE simulation_id = :id AND number = :n"),
                {"id": self.id, "n": batch},
            )


@pytest.fixture
def in_thread() -> Callable[[Callable[[], Any]], threading.Thread]:
    """Starts work in a thread; the test joins it."""

    def start(work: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    return start


@pytest.fixture
def make_run(engine: Engine) -> Callable[[], MakeRun]:
    return lambda: MakeRun(engine)


@pytest.fixture
def waiting_backends(engine: Engine) -> Callable[[], int]:
    """How many connections to this database wait for a lock."""

    def count() -> int:
        with transaction(engine) as connection:
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            return int(connection.execute(waiting).scalar_one())

    return count
