"""simulation-worker with a language model: prepared, delivered, and nothing late, however slow the model is."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from simulation_core.ledger.values import Status
from simulation_core.portals import PortalsFile
from simulation_core.queue.scheduler import BulkScheduler
from simulation_operator.scheduler.dispatcher import Dispatcher
from simulation_sandbox.model.server import ModelServer

KEY = "sk-a-very-secret-key"
Publish = Callable[..., uuid.UUID]


@pytest.fixture
def environment(model_server: ModelServer, tmp_path: Path) -> dict[str, str]:
    """What a worker is told of the model."""
    key_file = tmp_path / "api-key"
    key_file.write_text(KEY)
    model_server.model.key = KEY
    return {
        "SIMULATION_OPENAI_MODEL": "sandbox-model",
        "SIMULATION_OPENAI_BASE_URL": f"{model_server.url}/v1",
        "SIMULATION_OPENAI_API_KEY_FILE": str(key_file),
        "SIMULATION_LOG_LEVEL": "DEBUG",
    }


@pytest.fixture
def dispatching(engine: Engine, redis: Redis, settings: dict[str, str]) -> Iterator[None]:
    """A scheduler."""
    stop = threading.Event()
    scheduler = BulkScheduler(redis)
    dispatcher = Dispatcher(engine, scheduler, PortalsFile(Path(settings["SIMULATION_PORTALS_FILE"])))

    def tick() -> None:
        while not stop.wait(0.2):
            dispatcher.tick()

    threads = [threading.Thread(target=tick), threading.Thread(target=scheduler.run, args=(stop,))]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def test_a_run_is_written_by_the_model_and_its_key_is_seen_nowhere(
    start_worker: Any,
    environment: Any,
    dispatching: None,
    publish: Publish,
    ledger: Any,
    pages: Any,
    outside: Any,
    until: Any,
    redis: Redis,
) -> None:
    worker = start_worker(**environment)
    run = publish(records=60, batch_size=10, due_in_ms=8_000, over_ms=3_000)
    until(lambda: ledger.run(run).status is Status.COMPLETED, within_seconds=60)
    counts = pages.counts(run)
    assert (counts.from_model, counts.from_faker) == (60, 0)
    assert len(outside.objects("companies")) == 60
    log = worker.log.read_text()
    for secret in (KEY, "You invent entries", "wind energy", *(each["properties"]["name"] for each in outside.objects("companies"))):
        assert secret not in log
    everything = b"".join(redis.dump(key) or b"" for key in redis.scan_iter())
    assert KEY.encode() not in everything


def test_a_slow_model_is_not_waited_for(
    start_worker: Any, environment: Any, dispatching: None, publish: Publish, ledger: Any, pages: Any, until: Any, model_server: ModelServer
) -> None:
    with model_server.model.lock:
        model_server.model.faults.add({"kind": "latency", "milliseconds": 40_000, "times": None})
    start_worker(**environment)
    run = publish(records=20, due_in_ms=4_000)
    until(lambda: ledger.run(run).status is Status.COMPLETED, within_seconds=30)
    assert model_server.model.under_way == 1
    assert (ledger.run(run).records_processed, pages.counts(run).from_faker) == (20, 20)


def test_a_model_that_is_away_keeps_nothing_from_being_delivered(
    start_worker: Any, environment: Any, dispatching: None, publish: Publish, ledger: Any, pages: Any, until: Any, fault: Any
) -> None:
    fault("status", times=None, status=503)
    start_worker(**environment)
    run = publish(records=20, due_in_ms=4_000)
    until(lambda: ledger.run(run).status is Status.COMPLETED, within_seconds=30)
    assert (ledger.run(run).records_processed, ledger.run(run).records_failed) == (20, 0)
    assert pages.counts(run).from_faker == 20


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"SIMULATION_OPENAI_BASE_URL": "ollama:11434/v1"},
            "SIMULATION_OPENAI_BASE_URL is malformed: .*it must begin with http",
        ),
        ({"SIMULATION_OPENAI_TIMEOUT_SECONDS": "300"}, "SIMULATION_OPENAI_TIMEOUT_SECONDS is malformed"),
        ({"SIMULATION_PREPARE_CONCURRENCY": "0"}, "SIMULATION_PREPARE_CONCURRENCY is malformed"),
    ],
    ids=str,
)
def test_a_model_that_is_told_wrongly_ends_the_worker_with_one_line(
    wrong: dict[str, str], said: str, start_worker: Any, environment: Any
) -> None:
    worker = start_worker(**{**environment, **wrong})
    assert worker.ended() == 2
    assert re.search(said, worker.log.read_text())


def test_empty_settings_of_a_model_are_none(start_worker: Any, ledger: Any, jobs: Any, until: Any) -> None:
    start_worker(SIMULATION_OPENAI_MODEL="", SIMULATION_OPENAI_BASE_URL="", SIMULATION_OPENAI_API_KEY_FILE="")
    run = ledger.publish(records=2)
    jobs.push(run)
    until(lambda: ledger.run(run).status is Status.COMPLETED)
