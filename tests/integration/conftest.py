"""What most integration tests begin with: an engine on a migrated database, a client of the flushed Valkey, and a patient wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from sqlalchemy import Engine

from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.queue.connection import connect

BETWEEN_LOOKS_SECONDS = 0.01


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """With connections enough for the tests that race."""
    made = create_ledger_engine(migrated_url, application_name="test", pool_size=12)
    yield made
    made.dispose()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for a condition, with a deadline."""

    def wait(condition: Callable[[], bool], within_seconds: float = 20.0) -> None:
        deadline = time.monotonic() + within_seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition was not met in time"
            threading.Event().wait(BETWEEN_LOOKS_SECONDS)

    return wait
