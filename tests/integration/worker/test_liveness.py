"""A busy worker is alive however long its batch takes; one whose call never returns is found."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from simulation_core.ledger.values import Status
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.deliver import LEASE_MS, Delivery
from simulation_worker.main import STUCK_SECONDS, _stuck
from simulation_worker.metrics import Metrics


def test_it_beats_at_the_claim_and_before_each_call(
    ledger: Any, make_desk: Any, request_for: Any, outside: Any, engine: Engine, metrics: Metrics
) -> None:
    """With renewals between them: what keeps the claim keeps the worker alive too."""
    beats: list[float] = []
    run, desk = ledger.publish(records=2), make_desk(deadline_seconds=1.0)
    assert desk.make_ready()
    for phase in ("companies/batch", "contacts/batch", "contacts/companies"):
        outside.fault(phase, "latency", milliseconds=600)
    Delivery(engine, metrics=metrics, lease_ms=1_500).deliver(request_for(run), desk, lambda: beats.append(time.monotonic()))
    assert ledger.run(run).status is Status.COMPLETED
    assert len(beats) == 4
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.5


def test_no_wait_between_two_beats_makes_a_worker_count_as_stuck() -> None:
    assert STUCK_SECONDS >= 2 * LEASE_MS / 1000
    assert STUCK_SECONDS >= 4 * CALL_DEADLINE_SECONDS


def test_silence_is_found() -> None:
    worker: Any = SimpleNamespace(beaten_s=time.monotonic() - STUCK_SECONDS - 1)
    assert "no turn" in str(_stuck(worker))
    worker.beaten_s = time.monotonic() - STUCK_SECONDS / 2
    assert _stuck(worker) is None
