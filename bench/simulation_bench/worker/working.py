"""Working as simulation-worker's main does, but for desk and delivery."""

from __future__ import annotations

import tempfile
import threading
import uuid
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from simulation_bench import portals
from simulation_bench.worker.without_hubspot import UnconnectedDesk, WithoutHubSpot
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.portals import Portal, PortalsFile
from simulation_core.punctual import be_punctual
from simulation_core.queue.connection import connect
from simulation_core.queue.taking import Intake
from simulation_worker.budget.budget import Budget
from simulation_worker.budget.limits import Limit
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.main import CONNECTIONS
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker
from simulation_worker.settings import WorkerSettings
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop

SLOTS = WorkerSettings.model_fields["slots"].default  # as installed

UNLIMITED = Limit(1e9)  # asked as for any portal, and never in the way: what is measured is ours


def ledger(url: str) -> Engine:
    """As the worker connects to it."""
    return create_ledger_engine(url, application_name="bench-worker", pool_size=CONNECTIONS)


def work(engine: Engine, redis: str, delivery: WithoutHubSpot, stopping: threading.Event, *, slots: int = SLOTS) -> None:
    """Until `stopping` is set, and what was begun is written."""
    be_punctual()
    metrics = Metrics(CollectorRegistry())
    connection = connect(redis)
    name = f"bench-{uuid.uuid4().hex[:8]}"
    intake = Intake(connection, name, lease_seconds=JOB_SECONDS)
    workshop = Workshop(engine, intake, delivery, metrics=metrics, slots=Slots(slots), stopping=stopping)

    def desk(portal: Portal, token: str) -> Desk:
        budget = Budget(connection, portal, token, metrics=metrics)
        budget.limit = UNLIMITED
        return UnconnectedDesk(portal, token, engine=engine, metrics=metrics, budget=budget)

    with tempfile.TemporaryDirectory(prefix="simulation-bench-") as folder:
        desks = Desks(PortalsFile(portals.write(Path(folder))), portals.write_tokens(Path(folder)), desk)
        BatchWorker(connection, desks, workshop, name=name, ledger_answers=lambda: True, stopping=stopping).work()
