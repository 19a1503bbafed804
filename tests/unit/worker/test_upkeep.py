"""Duties are done beside the work, each by itself."""

from __future__ import annotations

import threading

import pytest

from simulation_core.errors import LedgerUnavailableError
from simulation_worker import upkeep
from simulation_worker.upkeep import Duty, Upkeep


def test_a_duty_that_fails_holds_up_no_other_and_is_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(upkeep, "TURN_SECONDS", 0.001)
    failed, done = threading.Semaphore(0), threading.Semaphore(0)

    def fail() -> None:
        failed.release()
        raise ZeroDivisionError

    def away() -> None:
        raise LedgerUnavailableError("away")

    kept = Upkeep(Duty(every_s=0, do=away), Duty(every_s=0, do=fail), Duty(every_s=0, do=done.release))
    kept.start()
    for _ in range(2):
        assert failed.acquire(timeout=10)
        assert done.acquire(timeout=10)
    kept.close()
    assert "ZeroDivisionError" in caplog.text
    assert "away" not in caplog.text


def test_a_duty_waits_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TURN_SECONDS", 0.001)
    seldom: list[int] = []
    often = threading.Semaphore(0)
    kept = Upkeep(Duty(every_s=3600, do=lambda: seldom.append(1)), Duty(every_s=0, do=often.release))
    kept.start()
    for _ in range(20):
        assert often.acquire(timeout=10)
    kept.close()
    assert seldom == [1]
