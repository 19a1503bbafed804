"""A language model, the client by which a worker asks it, and what a worker does with its answers."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.kinds import Kind
from simulation_core.ledger import contents, errands, preparing
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import Errand, ErrandEnd
from simulation_core.ledger.values import ClaimRequest, ContentCounts
from simulation_sandbox.model.server import ModelServer
from simulation_worker.content.model import Access, LanguageModel
from simulation_worker.content.preparing import Preparation
from simulation_worker.content.stock import Stock
from simulation_worker.errands import Undertaking
from simulation_worker.lease import ErrandLease
from simulation_worker.metrics import Metrics


@pytest.fixture
def access(model_server: ModelServer, tmp_path: Path) -> Access:
    return Access(model="sandbox-model", base_url=f"{model_server.url}/v1", key_file=tmp_path / "api-key", deadline_seconds=10)


@pytest.fixture
def connected(metrics: Metrics) -> Iterator[Callable[[Access], LanguageModel]]:
    """Clients, closed afterwards."""
    made: list[LanguageModel] = []

    def connect(access: Access) -> LanguageModel:
        made.append(LanguageModel(access, metrics=metrics))
        return made[-1]

    yield connect
    for model in made:
        model.close()


@pytest.fixture
def model(access: Access, connected: Callable[[Access], LanguageModel]) -> LanguageModel:
    return connected(access)


@pytest.fixture
def fault(model_server: ModelServer) -> Callable[..., None]:
    """Goes wrong with the next answers."""

    def ask(kind: str, **more: Any) -> None:
        with model_server.model.lock:
            model_server.model.faults.add({"kind": kind, **more})

    return ask


class Pages:
    """A run's contents, and one attempt at a page of them at a time."""

    def __init__(self, engine: Engine, metrics: Metrics, make_desk: Callable[..., Any]) -> None:
        self.engine = engine
        self.metrics = metrics
        self._make_desk = make_desk
        self.stopping = threading.Event()

    def open(self, lead_ms: int = 120_000) -> int:
        return preparing.open_pages(self.engine, portals=["default"], lead_ms=lead_ms)

    def claim(self, run: uuid.UUID, page: int = 0, attempt: int = 1) -> Errand:
        claimed = errands.claim(self.engine, Kind.PREPARE, ClaimRequest(run, page, attempt), lease_ms=60_000)
        assert isinstance(claimed, Errand), claimed
        return claimed

    def perform(self, errand: Errand, model: LanguageModel | None) -> ErrandEnd:
        preparation = Preparation(self.engine, Stock(self.engine, metrics=self.metrics), model)
        lease = ErrandLease(self.engine, errand.fence, lease_ms=errand.lease_ms, asked_s=time.monotonic())
        undertaking = Undertaking(
            errand=errand, engine=self.engine, desk=self._make_desk(), lease=lease, stopping=self.stopping, save=lambda _: None
        )
        return preparation.perform(undertaking)

    def prepare(self, run: uuid.UUID, model: LanguageModel | None, page: int = 0, attempt: int = 1) -> ErrandEnd:
        self.open()
        errand = self.claim(run, page, attempt)
        end = self.perform(errand, model)
        errands.end(self.engine, errand.fence, end)
        return end

    def due(self, run: uuid.UUID) -> None:
        """What was put off may be tried again: rather than waiting for it."""
        self._set(run, "not_before", state=0)

    def lease_runs_out(self, run: uuid.UUID) -> None:
        self._set(run, "lease_until", state=1)

    def _set(self, run: uuid.UUID, column: str, *, state: int) -> None:
        with transaction(self.engine) as connection:
            now = text(f"UPDATE errands SET {column} = statement_timestamp() WHERE simulation_id = :id AND state = {state}")
            connection.execute(now, {"id": run})

    def counts(self, run: uuid.UUID) -> ContentCounts:
        with transaction(self.engine) as connection:
            return contents.counts(connection, [run]).get(run, ContentCounts())

    def stored(self, run: uuid.UUID, records: int = 100) -> dict[int, Any]:
        return contents.stored(self.engine, {run: range(records)})[run]

    def sources(self, run: uuid.UUID) -> dict[int, str]:
        with transaction(self.engine) as connection:
            rows = connection.execute(text("SELECT record, source FROM contents WHERE simulation_id = :id ORDER BY record"), {"id": run})
            return {row.record: row.source for row in rows}

    def fallbacks(self) -> dict[str, int]:
        samples = next(iter(self.metrics.fallbacks.collect())).samples
        return {sample.labels["cause"]: int(sample.value) for sample in samples if sample.name.endswith("_total")}


@pytest.fixture
def pages(engine: Engine, metrics: Metrics, make_desk: Callable[..., Any]) -> Pages:
    return Pages(engine, metrics, make_desk)


@pytest.fixture
def publish(ledger: Any) -> Callable[..., uuid.UUID]:
    """A run that a language model writes for, all of it due in a minute unless told otherwise."""

    def publish(*, records: int = 5, due_in_ms: int = 60_000, content: dict[str, Any] | None = None, **more: Any) -> uuid.UUID:
        wanted = {"source": "OpenAI", "theme": "wind energy", "locale": "de_DE", **(content or {})}
        return ledger.publish(records=records, due_in_ms=due_in_ms, content=wanted, **more)

    return publish
