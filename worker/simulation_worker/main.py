"""The process simulation-worker: builds everything, serves its health, and works until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path

from pydantic import SecretStr, ValidationInfo, field_validator
from sqlalchemy import Engine

from simulation_core import logging as simulation_logging
from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.engine import create_ledger_engine, schema_state
from simulation_core.portals import Portal, PortalsFile
from simulation_core.queue.connection import connect
from simulation_core.serving import HealthServer
from simulation_core.settings import ProcessSettings, exit_on_bad_settings, load
from simulation_worker.deliver import Delivery
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.metrics import Metrics
from simulation_worker.rq_worker import BatchWorker, stop_on_signals

log = logging.getLogger(__name__)

PROCESS = "simulation-worker"
SCHEMES = {"database_url": ("postgresql://", "postgres://"), "redis_url": ("redis://", "rediss://")}
STUCK_SECONDS = 120.0  # twice a lease: the worker beats before each call to HubSpot, and no wait between two calls outlasts the claim


class WorkerSettings(ProcessSettings):
    portal_tokens_dir: Path  # one file a portal, named like it

    @field_validator("portal_tokens_dir")
    @classmethod
    def _is_a_folder(cls, path: Path) -> Path:
        if not path.is_dir():
            raise ValueError(f"{path} is not a folder")
        return path

    @field_validator("database_url", "redis_url")
    @classmethod
    def _has_its_scheme(cls, url: SecretStr, field: ValidationInfo) -> SecretStr:
        """A wrong scheme never gets better; a wrong host may, and is waited for. The message must not hold the URL: it has a password."""
        schemes = SCHEMES[field.field_name or ""]
        if not url.get_secret_value().startswith(schemes):
            raise ValueError(f"it must begin with {' or '.join(schemes)}")
        return url


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
    engine = create_ledger_engine(settings.database_url.get_secret_value(), application_name=PROCESS, pool_size=2)

    def desk(portal: Portal, token: str) -> Desk:
        return Desk(portal, token, engine=engine, metrics=metrics)

    desks = Desks(portals, settings.portal_tokens_dir, desk)
    delivery = Delivery(engine, metrics=metrics)
    worker = BatchWorker(
        connect(settings.redis_url.get_secret_value()),
        desks,
        delivery,
        name=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        ledger_answers=lambda: _ledger_answers(engine),
        stopping=stopping,
    )
    # Ready as soon as it works, whatever Postgres and HubSpot do: a worker that isn't ready would be removed first, busy or not.
    server = HealthServer(settings.bind_address, ready=lambda: None, alive=lambda: _stuck(worker))
    server.start()
    try:
        worker.work()
    finally:
        desks.close()
        engine.dispose()
        server.stop()
    log.info("left")


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
    silent_s = time.monotonic() - worker.beaten_s
    return None if silent_s < STUCK_SECONDS else f"no turn for {silent_s:.0f} s"


if __name__ == "__main__":
    main()
