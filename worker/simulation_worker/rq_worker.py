"""The RQ worker: RQ's registration and bookkeeping, but many jobs a round trip, several loads at a time, and outages waited for.

Where it departs from RQ's SimpleWorker, and why:
- jobs are taken, claimed, finished and acknowledged in groups: one at a time, each costs RQ twenty round trips and us two commits
- a load of batches is delivered in a slot, a thread; this loop goes on taking for as long as a slot is free
- no function is imported by name: a job's id says which batch it means, and what to do with it is this worker's to know
- no SIGALRM, which works in a main thread alone: each call has a deadline of its own, and an alarm in mid-call would leave a claim behind
- a signal only sets a flag: RQ raises out of a blocking pop, and a job popped in that moment would be stranded
- jobs abandoned by a killed worker are forgotten, not failed: a job is a hint, the ledger offers the batch again under a new id
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from redis import Redis
from rq import SimpleWorker, worker_registration
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.kinds import Kind
from simulation_core.queue.connection import outages_translated
from simulation_core.queue.names import queue_name
from simulation_core.queue.taking import NOTHING, Job, Taken
from simulation_worker import registries
from simulation_worker.budget.purse import Purse
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.errands import Errands
from simulation_worker.readying import Readying
from simulation_worker.upkeep import Duty, Upkeep
from simulation_worker.workshop import Workshop

log = logging.getLogger(__name__)

POP_SECONDS = 1  # how long a pop blocks: a job pushed meanwhile starts at once; a signal or a new portal waits this long at most
SHORT_POP_SECONDS = 0.02  # while a portal has all the slots it may: one that gets free must not wait for another portal's jobs
REFRESH_SECONDS = 1.0  # portals, tokens, and whether RQ still knows us
HEARTBEAT_SECONDS = 15.0
MAINTENANCE_SECONDS = 20.0
WORKER_SECONDS = 60  # how long a silent worker still counts as one (RQ adds 60)
JOB_HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.5  # how late a load under way hears of a pause that another worker met
DAY_SECONDS = 5.0  # how much of the account's day may be called and not yet counted for the others
NO_TOKEN_SECONDS = 10.0
LEDGER_AGAIN_MS = 1_000
LONGEST_WAIT_SECONDS = 5.0


class BatchWorker(SimpleWorker):
    """Takes batches from the queues of all portals in turn, until told to stop."""

    log_result_lifespan = False

    def __init__(  # noqa: PLR0913 - what the process is made of
        self,
        connection: Redis,
        desks: Desks,
        workshop: Workshop,
        *,
        name: str,
        ledger_answers: Callable[[], bool],
        stopping: threading.Event,
        errands: Errands | None = None,
        tell: Callable[[str, str, int], None] = lambda _portal, _message, _again_after_ms: None,
    ) -> None:
        """`tell` is told of portals that no worker has a token for, and raises LedgerUnavailableError."""
        super().__init__(
            [],
            name=name,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_SECONDS,
            default_result_ttl=0,
            log_job_description=False,
            prepare_for_work=False,  # it would ask Redis, which may be away
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
        self._desks = desks
        self._workshop = workshop
        self._intake = workshop.intake
        self._ledger_answers = ledger_answers
        self._stopping = stopping
        self._errands = errands
        self._tell = tell
        self._upkeep = Upkeep(
            Duty(every_s=1.0, do=workshop.keep_leases),
            Duty(every_s=LOOK_SECONDS, do=desks.look),
            Duty(every_s=DAY_SECONDS, do=desks.write_days),
            Duty(every_s=JOB_HEARTBEAT_SECONDS, do=lambda: self._intake.prolong(workshop.under_way.jobs())),
            Duty(every_s=HEARTBEAT_SECONDS, do=self.heartbeat),
            Duty(every_s=NO_TOKEN_SECONDS, do=self._tell_of_missing_tokens),
            Duty(every_s=MAINTENANCE_SECONDS, do=lambda: registries.clean(self.queues)),
        )
        self._readying = Readying()
        self._turn = 0
        self._more = False  # the last take found as much as it had room for
        self._ledger_away = True  # not known to answer yet
        self._registered: tuple[str, ...] | None = None
        self._refresh_due_s = 0.0
        self._rq: Any = self  # RQ's methods that have no types
        self._beaten_s = time.monotonic()

    @property
    def connection_timeout(self) -> int:
        """RQ would wait minutes for a Redis that says nothing."""
        return POP_SECONDS + 4

    def silent_s(self) -> float:
        """For how long the loop has not turned, or a slot not begun its next call, whichever is longer: liveness."""
        return time.monotonic() - min(self._beaten_s, self._workshop.beaten_s())

    def work(self, *_: Any, **__: Any) -> bool:
        """Until `stopping` is set. Outages of Redis, Postgres and HubSpot are waited for."""
        self._workshop.open()
        self._upkeep.start()
        if self._errands:
            self._errands.start()
        try:
            self._work()
        finally:
            self._leave()
        return True

    def _work(self) -> None:
        wait_s = 0.1
        while not self._stopping.is_set():
            self._beaten_s = time.monotonic()
            try:
                with outages_translated():
                    self._take_a_turn()
                wait_s = 0.1
            except QueueUnavailableError as error:
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._registered = None
                self._stopping.wait(wait_s)
                wait_s = min(LONGEST_WAIT_SECONDS, wait_s * 2)
            except Exception:
                log.exception("a turn failed; what was taken is offered again")
                self._stopping.wait(LONGEST_WAIT_SECONDS)

    def _take_a_turn(self) -> None:
        self._refresh()
        if self._ledger_away:
            self._wait_for_ledger()
            return
        desks = self._ready_desks()
        if not desks:
            self._readying.wait(POP_SECONDS / 4)
            return
        able = {queue: desk for queue, desk in desks.items() if not desk.budget.paced_for_s}
        if not able:
            self._stopping.wait(min(POP_SECONDS, *(desk.budget.paced_for_s for desk in desks.values())))
            return
        served = len(self._desks.all())
        room = self._workshop.room(able, served=served)
        if not room:  # another portal may be called soon, and has slots
            self._workshop.wait_for_room(able, POP_SECONDS if len(able) == served else SHORT_POP_SECONDS, served=served)
            return
        taken = self._take(room, able, wait_s=POP_SECONDS if len(room) == len(desks) else SHORT_POP_SECONDS)
        purses = {queue: desks[queue].budget.admitted(admission) for queue, admission in taken.admissions.items()}
        try:
            self._begin_taken(taken, desks, purses)
        finally:
            for queue, purse in purses.items():
                desks[queue].budget.give_back(purse)

    def _begin_taken(self, taken: Taken, desks: Mapping[str, Desk], purses: Mapping[str, Purse]) -> None:
        if self._stopping.is_set():
            self._intake.put_back([*taken.jobs, *taken.others], left=self._workshop.under_way.count)
            return
        if taken.jobs:
            self._begin(taken.jobs, desks, purses)
        if taken.others and (ours := registries.sort_out(self.connection, self.name, taken.others)):
            self._begin(ours, desks, purses)

    def _begin(self, jobs: Sequence[Job], desks: Mapping[str, Desk], purses: Mapping[str, Purse]) -> None:
        try:
            self._workshop.begin(jobs, desks, purses)
        except LedgerUnavailableError as error:
            log.warning("%d jobs are given back: %s", len(jobs), error)
            self._ledger_away = True
            self._intake.give_back(dict.fromkeys(jobs, LEDGER_AGAIN_MS), left=self._workshop.under_way.count)

    # -- taking work

    def _refresh(self) -> None:
        if time.monotonic() < self._refresh_due_s and self._registered is not None:
            return
        self._desks.refresh()
        self._be_known()
        self._refresh_due_s = time.monotonic() + REFRESH_SECONDS

    def _ready_desks(self) -> dict[str, Desk]:
        """By queue: of the portals that may be called now, another one first each time. A busy portal never starves the others."""
        free = [desk for desk in self._desks.all() if not desk.held_for_s]
        for desk in free:
            if not desk.ready:
                self._readying.begin(desk)
        ready = [desk for desk in free if desk.ready]
        self._turn = (self._turn + 1) % max(1, len(ready))
        return {queue_name(Kind.DELIVER, desk.portal.name): desk for desk in ready[self._turn :] + ready[: self._turn]}

    def _take(self, room: Mapping[str, int], desks: Mapping[str, Desk], *, wait_s: float) -> Taken:
        popped = None if self._more else self._intake.wait(list(room), wait_s)
        if not self._more and popped is None:
            return NOTHING
        gates = self._workshop.gates({queue: desks[queue] for queue in room})
        taken = self._intake.take({} if self._stopping.is_set() else room, popped, gates)
        found = Counter(job.queue for job in taken.jobs)
        self._more = any(found[queue] >= most for queue, most in room.items() if most)
        return taken

    # -- being known to RQ

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:  # noqa: ARG002 - RQ's signature
        """RQ would let a worker count as gone when its job's short lease ends."""
        super().heartbeat(None, pipeline=pipeline)

    def _be_known(self) -> None:
        """Registered under the queues it serves now; again after Redis was wiped."""
        deliveries = [queue_name(Kind.DELIVER, desk.portal.name) for desk in self._desks.all()]
        names = (*deliveries, *(self._errands.queues() if self._errands else ()))
        if names != self._registered or not self.connection.hexists(self.key, "birth"):
            self._register(names)

    def _register(self, names: Sequence[str]) -> None:
        with self.connection.pipeline() as pipeline:
            worker_registration.unregister(self, pipeline)
            pipeline.delete(self.key)
            pipeline.execute()
        self.queues = [Queue(name, connection=self.connection, serializer=JSONSerializer) for name in names]
        self._ordered_queues = self.queues[:]
        self._set_ip_address(self.connection)
        self._rq.register_birth()
        self.set_state(WorkerStatus.BUSY if self._workshop.under_way.count else WorkerStatus.IDLE)
        self._registered = tuple(names)
        log.info("worker %s serves %s", self.name, ", ".join(names) or "no portal: none has a token here")

    def _tell_of_missing_tokens(self) -> None:
        """Unless another worker serves the portal: its Secret reaches one earlier than the other. Who gets a token says that it is over."""
        for portal, message in self._desks.without_token.items():
            if not registries.is_served(self.connection, queue_name(Kind.DELIVER, portal)):
                self._tell(portal, message, round(NO_TOKEN_SECONDS * 1000))

    def _leave(self) -> None:
        if self._errands:
            self._errands.close()
        self._workshop.close()
        self._upkeep.close()
        try:
            with outages_translated():
                self._rq.register_death()
        except QueueUnavailableError as error:
            log.warning("%s; RQ forgets this worker by itself", error)

    def _wait_for_ledger(self) -> None:
        if self._ledger_answers():
            self._ledger_away = False
        else:
            self._stopping.wait(1)


def stop_on_signals(stopping: threading.Event) -> None:
    """SIGTERM and SIGINT ask the worker to finish what it began and leave. Asking twice changes nothing: a claim is never torn."""

    def ask(number: int, _: FrameType | None) -> None:
        if not stopping.is_set():
            log.info("%s: finishing what is under way, then leaving", signal.Signals(number).name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
