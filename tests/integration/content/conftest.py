"""A language model, and the client by which a worker asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from simulation_sandbox.model.server import ModelServer
from simulation_worker.content.model import Access, LanguageModel
from simulation_worker.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


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
