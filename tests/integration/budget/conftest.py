"""Budgets of several workers on one Valkey, and a queue with work for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from simulation_core.portals import Portal
from simulation_worker.budget.budget import Budget
from simulation_worker.budget.keys import app_key
from simulation_worker.metrics import Metrics

TOKEN = "secret-of-the-portal"


class Waits:
    """Instead of sleeping."""

    def __init__(self) -> None:
        self.moments_s: list[float] = []
        self._slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        self._slept_s = seconds

    def called(self) -> None:
        """The call that was waited for begins."""
        self.moments_s.append(time.monotonic() + self._slept_s)
        self._slept_s = 0.0


class Worker:
    """One process's budget, and what it counted."""

    def __init__(self, redis: Redis, portal: Portal, token: str) -> None:
        self.waits = Waits()
        self.registry = CollectorRegistry()
        self.budget = Budget(redis, portal, token, metrics=Metrics(self.registry), sleep=self.waits.sleep)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"simulation_worker_{name}", {"portal": "default", **labels}) or 0.0


class Budgets:
    key = app_key(None, TOKEN)

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def worker(self, token: str = TOKEN, *, redis: Redis | None = None, **portal: Any) -> Worker:
        given = {"name": "default", "allowedNamespaces": ["*"], "tier": "professional", **portal}
        return Worker(redis or self.redis, Portal.model_validate(given), token)

    def rest(self) -> None:
        """Nobody called for long: rather than waiting for it."""
        self.redis.hset(self.key, "tat", 1)

    def end_pause(self, *workers: Worker) -> None:
        self.redis.hset(self.key, "until", 1)
        for worker in workers:
            worker.budget.view._shut_until_s = 0.0


@pytest.fixture
def budgets(redis: Redis) -> Budgets:
    return Budgets(redis)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A worker whose script lacks something."""

    def change(worker: Worker, script: str, old: str, new: str) -> None:
        accounting = worker.budget._accounting
        registered = getattr(accounting, f"_{script}")
        assert old in registered.script
        monkeypatch.setattr(accounting, f"_{script}", accounting._redis.register_script(registered.script.replace(old, new)))

    return change
