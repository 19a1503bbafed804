"""Errands beside the deliveries: jobs of other kinds than DELIVER, each kind with a handler and a few threads of its own.

They are taken, prolonged and acknowledged like deliveries, and appear under the same worker in RQ's tools; but one at a time, because
they are few and long. What an errand is about, and how far it has come, is in the ledger: a job is a hint.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from redis import Redis
from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.ledger import errands as ledger_errands
from simulation_core.ledger.errands import Done, Errand, ErrandEnd, Later
from simulation_core.ledger.trips import FAILURES
from simulation_core.ledger.values import Early, Refused
from simulation_core.queue.connection import outages_translated
from simulation_core.queue.names import parse_job_id, queue_name
from simulation_core.queue.taking import Intake, Job
from simulation_core.reasons import Reason
from simulation_worker import registries
from simulation_worker.crm.errors import FenceLostError, PausedError, PortalHeldError
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.lease import ErrandLease
from simulation_worker.metrics import Metrics
from simulation_worker.retry import after_crash_ms
from simulation_worker.under_way import UnderWay

log = logging.getLogger(__name__)

LEASE_MS = 60_000
POP_SECONDS = 1.0  # a new portal, a freed thread or a stop waits this long at most
AGAIN_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0
LEDGER_AGAIN_MS = 1_000


@dataclass(frozen=True, kw_only=True)
class Undertaking:
    """One errand as its handler has it.

    Before each step that may take long call `lease.hold_for(seconds)` (or `lease.beat()`), or the worker counts as stuck. Look at
    `stopping` between steps and return Later when it is set: what was saved isn't done again.
    """

    errand: Errand
    engine: Engine
    desk: Desk
    lease: ErrandLease
    stopping: threading.Event
    save: Callable[[Mapping[str, object]], None]  # progress; raises FenceLostError


@dataclass(frozen=True, kw_only=True)
class Handler:
    """How a kind is carried out. Done twice at once it never is; done again after a crash it may be, from what was saved last."""

    kind: Kind
    perform: Callable[[Undertaking], ErrandEnd]
    at_once: int  # this worker's threads for it
    needs_portal: bool = True  # taken only while the portal was found ready and isn't held


@dataclass(kw_only=True, eq=False)
class Errands:
    """Serves the queues of its handlers' kinds, of all portals that `desks` has. Shares the worker's name and what it has under way."""

    engine: Engine
    redis: Redis
    worker: str
    desks: Desks
    handlers: Sequence[Handler]
    under_way: UnderWay
    metrics: Metrics
    stopping: threading.Event
    job_seconds: float

    def __post_init__(self) -> None:
        self._handlers = {handler.kind: handler for handler in self.handlers}
        self._intakes = {kind: Intake(self.redis, self.worker, lease_seconds=self.job_seconds, kind=kind) for kind in self._handlers}
        self._pools = {kind: ThreadPoolExecutor(handler.at_once, thread_name_prefix=f"{kind}") for kind, handler in self._handlers.items()}
        self._busy: Counter[Kind] = Counter()
        self._freed = threading.Event()
        self._turn = 0
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)

    def queues(self) -> list[str]:
        """Of all portals that are served here, for RQ's registration."""
        return [queue_name(kind, desk.portal.name) for kind in self._handlers for desk in self.desks.all()]

    def start(self) -> None:
        if self._handlers:
            self._thread.start()

    def close(self) -> None:
        """Once `stopping` is set: returns when what was begun has been ended or put off."""
        if self._thread.is_alive():
            self._thread.join()
        for pool in self._pools.values():
            pool.shutdown()

    def _run(self) -> None:
        wait_s = AGAIN_SECONDS
        while not self.stopping.is_set():
            try:
                with outages_translated():
                    self._take_a_turn()
                wait_s = AGAIN_SECONDS
            except (QueueUnavailableError, LedgerUnavailableError) as error:
                log.debug("errands: %s", error)  # the worker's own loop says so
                self.stopping.wait(wait_s)
                wait_s = min(LONGEST_WAIT_SECONDS, wait_s * 2)
            except Exception:
                log.exception("an errand could not be begun; it is offered again")
                self.stopping.wait(LONGEST_WAIT_SECONDS)

    def _take_a_turn(self) -> None:
        served = self._served()
        popped = self._intakes[next(iter(self._handlers))].wait(list(served), POP_SECONDS) if served else None
        if popped is None:
            if not served:
                self._freed.wait(POP_SECONDS / 4)
                self._freed.clear()
            return
        handler, desk = served[popped.queue]
        intake = self._intakes[handler.kind]
        taken = intake.take({popped.queue: 1}, popped)
        jobs = [*taken.jobs, *registries.sort_out(self.redis, self.worker, taken.others, handler.kind.function)]
        for job in jobs:
            if self.stopping.is_set():
                intake.put_back([job], left=self.under_way.count)
            else:
                self._begin(job, handler, desk)

    def _served(self) -> dict[str, tuple[Handler, Desk]]:
        """By queue, where a thread is free; another portal first each time, so that none starves."""
        desks = self.desks.all()
        self._turn = (self._turn + 1) % max(1, len(desks))
        return {
            queue_name(kind, desk.portal.name): (handler, desk)
            for desk in desks[self._turn :] + desks[: self._turn]
            for kind, handler in self._handlers.items()
            if self._busy[kind] < handler.at_once and (not handler.needs_portal or (desk.ready and not desk.held_for_s))
        }

    def _begin(self, job: Job, handler: Handler, desk: Desk) -> None:
        asked_s, intake = time.monotonic(), self._intakes[handler.kind]
        try:
            got = ledger_errands.claim(self.engine, handler.kind, parse_job_id(job.id), lease_ms=LEASE_MS)
        except (LedgerUnavailableError, *FAILURES):
            intake.give_back({job: LEDGER_AGAIN_MS}, left=self.under_way.count)
            raise
        if isinstance(got, Early):
            intake.give_back({job: got.remaining_ms}, left=self.under_way.count)
        elif isinstance(got, Refused):
            intake.acknowledge([job], left=self.under_way.count)
        else:
            lease = ErrandLease(self.engine, got.fence, lease_ms=got.lease_ms, asked_s=asked_s)
            self.under_way.begin([job], lease)
            self._busy[handler.kind] += 1
            self._pools[handler.kind].submit(self._carry_out, job, handler, got, desk, lease)

    def _carry_out(self, job: Job, handler: Handler, errand: Errand, desk: Desk, lease: ErrandLease) -> None:
        """On a thread of its kind."""
        try:
            lease.beat()
            self._write(errand, self._end(handler, errand, desk, lease), lease)
        except Exception:
            log.exception("the end of an errand could not be written; its lease runs out")
        finally:
            left = self.under_way.end([job])
            self._acknowledge(job, handler.kind, left)
            self._busy[handler.kind] -= 1
            self._freed.set()

    def _end(self, handler: Handler, errand: Errand, desk: Desk, lease: ErrandLease) -> ErrandEnd:
        def save(progress: Mapping[str, object]) -> None:
            if not ledger_errands.save(self.engine, errand.fence, progress):
                raise FenceLostError("the errand is another worker's by now, or was begun anew")

        if self.stopping.is_set():
            return Later()
        try:
            return handler.perform(
                Undertaking(errand=errand, engine=self.engine, desk=desk, lease=lease, stopping=self.stopping, save=save)
            )
        except FenceLostError as lost:
            log.info("%s of %s stops: %s", errand.fence.kind, errand.run.id, lost)
            return Later()
        except (PortalHeldError, PausedError) as held:
            wait_ms = held.wait_ms if isinstance(held, PausedError) else desk.hold(held.reason, str(held), held.wait_ms)
            return Later(wait_ms=wait_ms, reason=held.reason, message=str(held))
        except LedgerUnavailableError:
            return Later(wait_ms=LEDGER_AGAIN_MS)
        except Exception as fault:
            log.exception("%s of %s failed", errand.fence.kind, errand.run.id)
            message = f"It failed with {type(fault).__name__}, see the worker's log; it is tried again with growing pauses"
            return Later(wait_ms=after_crash_ms(errand.crashes + 1), reason=Reason.INTERNAL_ERROR, message=message, crashed=True)

    def _write(self, errand: Errand, how: ErrandEnd, lease: ErrandLease) -> None:
        """Patient while the lease lasts: after it, another worker may have the errand."""
        while True:
            try:
                written = ledger_errands.end(self.engine, errand.fence, how)
                break
            except LedgerUnavailableError:
                if lease.left_s() < AGAIN_SECONDS:
                    raise
                time.sleep(AGAIN_SECONDS)
        ending = "lost" if not written else "done" if isinstance(how, Done) else "crashed" if how.crashed else "later"
        self.metrics.errands.labels(errand.fence.kind, ending).inc()

    def _acknowledge(self, job: Job, kind: Kind, left: int) -> None:
        try:
            self._intakes[kind].acknowledge([job], left=left)
        except QueueUnavailableError as error:
            log.debug("an errand's job could not be acknowledged: %s", error)
