"""The process simulation-scheduler: offers what is due soon, moves what is due, and serves its health until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time

from pydantic import Field

from simulation_core import logging as simulation_logging
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.portals import PortalsFile
from simulation_core.punctual import be_punctual
from simulation_core.queue.connection import connect
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.serving import HealthServer
from simulation_core.settings import ProcessSettings, exit_on_bad_settings, load
from simulation_operator.scheduler.dispatcher import Dispatcher
from simulation_operator.scheduler.loop import DispatchLoop
from simulation_operator.scheduler.metrics import Metrics

log = logging.getLogger(__name__)

PROCESS = "simulation-scheduler"
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
STUCK_SECONDS = 120.0  # a tick waits for Postgres and Redis by their own timeouts, which are far shorter


class SchedulerSettings(ProcessSettings):
    horizon_seconds: int = Field(default=60, ge=2, le=3600)  # how long before it is due a batch is put into Redis
    prepare_lead_seconds: int = Field(default=120, ge=5, le=86_400)  # how long before it is due a record's content is asked for


def main() -> None:
    with exit_on_bad_settings(PROCESS):
        settings = load(SchedulerSettings)
        simulation_logging.configure(settings.log_level)
        _run(settings, PortalsFile(settings.portals_file))


def _run(settings: SchedulerSettings, portals: PortalsFile) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # before any thread: main takes them when it asks for them
    stopping = threading.Event()
    metrics = Metrics()
    engine = create_ledger_engine(settings.database_url.get_secret_value(), application_name=PROCESS, pool_size=2)
    scheduler = BulkScheduler(connect(settings.redis_url.get_secret_value()), on_moved=metrics.count_moved)
    dispatcher = Dispatcher(
        engine,
        scheduler,
        portals,
        horizon_ms=settings.horizon_seconds * 1000,
        prepare_lead_ms=settings.prepare_lead_seconds * 1000,
        metrics=metrics,
    )
    loop = DispatchLoop(engine, scheduler, dispatcher, metrics)
    server = HealthServer(
        settings.bind_address,
        ready=lambda: loop.problem or scheduler.problem,
        alive=lambda: _stuck("dispatcher", loop.beaten_s) or _stuck("mover", scheduler.beaten_s),
    )
    threads = [
        threading.Thread(target=loop.run, args=(stopping,), name="dispatcher"),
        threading.Thread(target=scheduler.run, args=(stopping,), name="mover"),
    ]
    be_punctual()
    server.start()
    for thread in threads:
        thread.start()
    number = signal.sigwait(STOP_SIGNALS)
    log.info("%s: leaving after the tick under way", signal.Signals(number).name)
    stopping.set()
    for thread in threads:
        thread.join()
    engine.dispose()
    server.stop()


def _stuck(part: str, beaten_s: float) -> str | None:
    silent_s = time.monotonic() - beaten_s
    return None if silent_s < STUCK_SECONDS else f"the {part} has not turned for {silent_s:.0f} s"


if __name__ == "__main__":
    main()
