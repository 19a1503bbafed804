"""A busy worker is alive however long its batch takes; one whose call never returns is found."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from simulation_core.ledger.values import Status
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.deliver import LEASE_MS
from simulation_worker.lease import Lease
from simulation_worker.main import STUCK_SECONDS, _stuck


def test_it_beats_before_each_call(
    ledger: Any, make_desk: Any, request_for: Any, outside: Any, delivery_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With renewals between them: what keeps the claim keeps the worker alive too."""
    beats: list[float] = []
    run, desk = ledger.publish(records=2), make_desk(deadline_seconds=1.0)
    assert desk.make_ready()
    for phase in ("companies/batch", "contacts/batch", "contacts/companies"):
        outside.fault(phase, "latency", milliseconds=600)
    beat = Lease.beat
    monkeypatch.setattr(Lease, "beat", lambda lease: (beat(lease), beats.append(lease.beaten_s)))
    delivery_of(lease_ms=1_500).deliver(request_for(run), desk)
    assert ledger.run(run).status is Status.COMPLETED
    assert len(beats) == 3
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.5


def test_no_wait_between_two_beats_makes_a_worker_count_as_stuck() -> None:
    assert STUCK_SECONDS >= 2 * LEASE_MS / 1000
    assert STUCK_SECONDS >= 4 * CALL_DEADLINE_SECONDS


def test_silence_is_found() -> None:
    worker: Any = SimpleNamespace(silent_s=lambda: STUCK_SECONDS + 1)
    assert "no turn" in str(_stuck(worker))
    worker.silent_s = lambda: STUCK_SECONDS / 2
    assert _stuck(worker) is None
