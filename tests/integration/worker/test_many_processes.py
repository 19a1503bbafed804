"""The whole engine at once: several schedulers and workers, and everything that may go wrong with them while records are due."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.ledger import control
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Status

RECORDS = 400


class Scheduler:
    """simulation-scheduler as users run it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / f"scheduler-{uuid.uuid4().hex[:6]}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simulation_operator.scheduler.main"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def start_scheduler(tmp_path: Path, settings: dict[str, str]) -> Iterator[Callable[[], Scheduler]]:
    started: list[Scheduler] = []

    def start() -> Scheduler:
        started.append(Scheduler(tmp_path, settings))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def generous(settings: dict[str, str], outside: Any) -> None:
    """A portal whose limits are not what is tested."""
    Path(settings["SIMULATION_PORTALS_FILE"]).write_text(
        f"- {{name: default, callsPerTenSeconds: 10000, allowedNamespaces: ['*'], url: '{outside.url}'}}\n"
    )
    outside.limits_off()


def accounts(engine: Engine) -> dict[uuid.UUID, tuple[int, int, int]]:
    """By run: what its counters say, what its batches' outcomes say, and how many batches are not done."""
    with transaction(engine) as connection:
        rows = connection.execute(
            text("""
                SELECT s.id, s.records_processed,
                       (SELECT count(*) FROM batches b, unnest(b.outcomes) AS o WHERE b.simulation_id = s.id AND o = 1) AS delivered,
                       (SELECT count(*) FROM batches b WHERE b.simulation_id = s.id AND b.state <> 2) AS open
                FROM simulations s
            """)
        )
        return {row.id: (row.records_processed, row.delivered, row.open) for row in rows}


@pytest.mark.usefixtures("generous")
def test_kills_a_wiped_queue_a_suspension_and_a_cancellation_cost_no_record_and_double_none(
    ledger: Any, start_worker: Any, start_scheduler: Any, jobs: Any, outside: Any, until: Any, engine: Engine
) -> None:
    """Single records and full batches beside each other, due over some seconds, part of them overdue from the start."""
    schedulers = [start_scheduler() for _ in range(2)]
    workers = [start_worker() for _ in range(3)]
    singles, batches, suspended = (
        ledger.publish_over(records=RECORDS, batch_size=size, from_ms=-2_000, to_ms=10_000, scenario="B2C") for size in (1, 20, 5)
    )
    cancelled = ledger.publish_over(records=RECORDS, batch_size=5, from_ms=-2_000, to_ms=120_000, scenario="B2C")
    everyone = (singles, batches, suspended, cancelled)
    until(lambda: all(ledger.run(run).records_processed > 0 for run in everyone), within_seconds=60)
    jobs.redis.flushall()
    control.suspend(engine, suspended)
    workers[0].kill()
    control.cancel(engine, cancelled)
    schedulers[0].kill()
    workers.append(start_worker())
    until(lambda: ledger.run(singles).records_processed > RECORDS // 2, within_seconds=60)
    jobs.redis.flushall()
    control.resume(engine, suspended)
    ledger.expire_claims()  # of the worker that was killed, rather than waiting for it
    until(lambda: all(ledger.run(run).status is Status.COMPLETED for run in (singles, batches, suspended)), within_seconds=60)
    for worker in workers[1:]:
        until(lambda worker=worker: worker.serves, within_seconds=60)
        worker.send(signal.SIGTERM)
        assert worker.ended() == 0
    control.settle(engine)

    keys = Counter(outside.keys("contacts"))
    assert [key for key, times in keys.items() if times > 1] == []
    made = Counter(uuid.UUID(key[:36]) for key in keys)
    told = accounts(engine)
    for run in (singles, batches, suspended):
        assert told[run] == (RECORDS, RECORDS, 0)
        assert made[run] == RECORDS
    processed, delivered, _ = told[cancelled]
    assert processed == delivered <= made[cancelled] < RECORDS
    assert ledger.run(cancelled).status is Status.CANCELLED
    assert min(each for run in told for each in ledger.lateness_ms(run)) >= 0
