"""The process that delivers one batch and nothing else (see isolation.py). Told on standard input which one, as a line of JSON.

Exit code 0: the claim's end is written, or the claim is no longer ours; LEDGER_AWAY: it isn't, through no fault of the batch. Its records
aren't in the worker's metrics.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from simulation_core import logging as simulation_logging
from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import Fence
from simulation_core.portals import PortalsFile
from simulation_core.queue.taking import Job
from simulation_core.settings import exit_on_bad_settings, load
from simulation_worker.books import Books, Entry
from simulation_worker.claiming import ahead_of_ours_ms
from simulation_worker.content.stock import Stock
from simulation_worker.deliver import LEASE_MS, Delivery
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.isolation import LEDGER_AWAY
from simulation_worker.lease import Lease
from simulation_worker.load import Claim, End, Release
from simulation_worker.metrics import Metrics
from simulation_worker.settings import WorkerSettings

log = logging.getLogger(__name__)

PROCESS = "simulation-worker alone"


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # its worker is asked to leave, and waits for it
    with exit_on_bad_settings(PROCESS):
        settings = load(WorkerSettings)
        simulation_logging.configure(settings.log_level)
        try:
            _deliver(settings, json.loads(sys.stdin.readline()))
        except LedgerUnavailableError as error:
            log.warning("the batch is given back: %s", error)
            sys.exit(LEDGER_AWAY)


def _deliver(settings: WorkerSettings, given: dict[str, Any]) -> None:
    engine = create_ledger_engine(settings.database_url.get_secret_value(), application_name=PROCESS, pool_size=2)
    metrics = Metrics(CollectorRegistry())
    desks = Desks(
        PortalsFile(settings.portals_file),
        settings.portal_tokens_dir,
        lambda portal, token: Desk(portal, token, engine=engine, metrics=metrics),
    )
    desks.refresh()
    fence = Fence(simulation_id=UUID(given["simulation_id"]), batch=given["batch"], attempt=given["attempt"])
    asked_s = time.monotonic()
    claimed = claims.adopt(engine, fence, lease_ms=LEASE_MS)
    if claimed is None:
        log.warning("batch %d of %s: the claim was lost before it was handed over", fence.batch, fence.simulation_id)
        return
    ahead_ms = ahead_of_ours_ms(claimed.claimed_ms, asked_s, time.monotonic())
    lease = Lease(engine, [fence], lease_ms=claimed.lease_ms, asked_s=asked_s)
    desk = desks.get(given["portal"])
    end: End = Release(fence=fence)
    if desk is not None and desk.make_ready():
        (end,) = Delivery(stock=Stock(engine, metrics=metrics)).carry_out([claimed], desk, lease, ahead_ms=ahead_ms)
    books = Books(engine, metrics=metrics, on_ended=lambda _: None)
    books.write([Entry(claim=Claim(claimed=claimed, job=Job("", "")), end=end, lease=lease)])
    desks.close()
    engine.dispose()
    if books.cut_off:
        sys.exit(LEDGER_AWAY)


if __name__ == "__main__":
    main()
