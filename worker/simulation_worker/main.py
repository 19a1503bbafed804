"""The process simulation-worker: builds everything, serves its health, and works until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from functools import partial

from sqlalchemy import Engine

from simulation_core import logging as simulation_logging
from simulation_core.errors import LedgerUnavailableError
from simulation_core.kinds import Kind
from simulation_core.ledger import portals as ledger_portals
from simulation_core.ledger.engine import create_ledger_engine, schema_state
from simulation_core.portals import Portal, PortalsFile
from simulation_core.punctual import be_punctual
from simulation_core.queue.connection import connect
from simulation_core.queue.taking import Intake
from simulation_core.reasons import Reason
from simulation_core.serving import HealthServer
from simulation_core.settings import exit_on_bad_settings, load
from simulation_worker import archiving, verifying
from simulation_worker.budget.budget import Budget
from simulation_worker.content.model import LanguageModel
from simulation_worker.content.preparing import Preparation
from simulation_worker.content.stock import Stock
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.errands import Errands, Handler
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker, stop_on_signals
from simulation_worker.settings import WorkerSettings
from simulation_worker.slots import Slots
from simulation_worker.workshop import JOB_SECONDS, Workshop

log = logging.getLogger(__name__)

PROCESS = "simulation-worker"
STUCK_SECONDS = 120.0  # twice a lease: a slot beats before each call to HubSpot, and no wait between two calls outlasts the claim
CONNECTIONS = 6  # one claims, one ends claims, the others keep leases, tell of portals, and carry out errands


def main() -> None:
    with exit_on_bad_settings(PROCESS):
        settings = load(WorkerSettings)
        simulation_logging.configure(settings.log_level)
        portals = PortalsFile(settings.portals_file)
        _run(settings, portals)


def _run(settings: WorkerSettings, portals: PortalsFile) -> None:
    stopping = threading.Event()
    stop_on_signals(stopping)
    metrics = Metrics()
    engine = create_ledger_engine(settings.database_url.get_secret_value(), application_name=PROCESS, pool_size=CONNECTIONS)

    def desk(portal: Portal, token: str) -> Desk:
        return Desk(portal, token, engine=engine, metrics=metrics, budget=Budget(redis, portal, token, metrics=metrics))

    redis = connect(settings.redis_url.get_secret_value())
    desks = Desks(portals, settings.portal_tokens_dir, desk)
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    intake = Intake(redis, name, lease_seconds=JOB_SECONDS)
    stock = Stock(engine, metrics=metrics)
    model = LanguageModel(settings.model_access, metrics=metrics) if settings.model_access else None
    workshop = Workshop(engine, intake, Delivery(stock=stock), metrics=metrics, slots=Slots(settings.slots), stopping=stopping)
    preparation = Preparation(engine, stock, model)
    # a page's content is made without the portal, so that it is there when the portal is back
    preparing = Handler(kind=Kind.PREPARE, perform=preparation.perform, at_once=settings.prepare_concurrency, needs_portal=False)
    errands = Errands(
        engine=engine,
        redis=redis,
        worker=name,
        desks=desks,
        handlers=(preparing, verifying.HANDLER, archiving.HANDLER),  # one a kind
        under_way=workshop.under_way,
        metrics=metrics,
        stopping=stopping,
        job_seconds=JOB_SECONDS,
    )
    worker = BatchWorker(
        redis,
        desks,
        workshop,
        name=name,
        ledger_answers=lambda: _ledger_answers(engine),
        stopping=stopping,
        errands=errands,
        tell=partial(_tell_of_missing_token, engine),
    )
    # Ready as soon as it works, whatever Postgres and HubSpot do: a worker that isn't ready would be removed first, busy or not.
    server = HealthServer(settings.bind_address, ready=lambda: None, alive=lambda: _stuck(worker))
    be_punctual()
    server.start()
    try:
        worker.work()
    finally:
        if model:
            model.close()
        desks.close()
        engine.dispose()
        server.stop()
    log.info("left")


def _tell_of_missing_token(engine: Engine, portal: str, message: str, again_after_ms: int) -> None:
    ledger_portals.report(engine, portal, Reason.CREDENTIAL_REJECTED, message, again_after_ms)


def _ledger_answers(engine: Engine) -> bool:
    """Whether Postgres answers, with a schema this build can work on."""
    try:
        schema = schema_state(engine)
    except LedgerUnavailableError as error:
        log.warning("waiting for Postgres: %s", error)
        return False
    if not schema.new_enough:
        log.warning("waiting for simulation-migrate: the schema is %s, this build needs %s", schema.current or "absent", schema.needed)
    return schema.new_enough


def _stuck(worker: BatchWorker) -> str | None:
    silent_s = worker.silent_s()
    return None if silent_s < STUCK_SECONDS else f"no turn for {silent_s:.0f} s"


if __name__ == "__main__":
    main()
