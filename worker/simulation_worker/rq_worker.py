"""The RQ worker: RQ's registration, queues and bookkeeping, without a fork per job, and with outages waited for instead of died of.

Where it departs from RQ's SimpleWorker, and why:
- jobs are dispatched by name to the Delivery this worker was built with, so that nothing is global and no function is imported by name
- no SIGALRM: our own deadlines bound each call, and an alarm in mid-call would leave a claim behind
- a signal only sets a flag: RQ raises out of a blocking pop, and a job popped in that moment would be stranded
- jobs abandoned by a killed worker are forgotten, not failed: a job is a hint, the ledger offers the batch again under a new id
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from redis import Redis
from rq import SimpleWorker, worker_registration
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import WorkerStatus

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.queue.connection import outages_translated
from simulation_core.queue.jobs import give_back
from simulation_core.queue.names import Kind, parse_job_id, queue_name
from simulation_worker.deliver import Delivery, Ending
from simulation_worker.desk import Desk
from simulation_worker.desks import Desks
from simulation_worker.jobs import DELIVER
from simulation_worker.readying import Readying

log = logging.getLogger(__name__)

POP_SECONDS = 1  # how long a pop blocks: a job pushed meanwhile starts at once; a signal or a new portal waits this long at most
HEARTBEAT_SECONDS = 15.0
MAINTENANCE_SECONDS = 20
WORKER_SECONDS = 60  # how long a silent worker still counts as one (RQ adds 60)
JOB_SECONDS = 15  # how long a silent job counts as started, and so isn't offered again: what a kill between start and claim costs
CLAIMED_JOB_SECONDS = 60  # the same once the batch is claimed: another attempt has another id, so this one is in nobody's way
JOB_HEARTBEAT_SECONDS = 5.0
LEDGER_AGAIN_MS = 1_000
LONGEST_WAIT_SECONDS = 5.0


class NoDeathPenalty(BaseDeathPenalty):
    """RQ arms it around a job and its callbacks. Ours need none: every call has a deadline of its own."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class BatchWorker(SimpleWorker):
    """Takes one batch at a time from the queues of all portals in turn, until told to stop."""

    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False

    def __init__(
        self,
        connection: Redis,
        desks: Desks,
        delivery: Delivery,
        *,
        name: str,
        ledger_answers: Callable[[], bool],
        stopping: threading.Event,
    ) -> None:
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
        logging.getLogger("rq.worker").setLevel(logging.WARNING)  # RQ tells each job four times
        self._desks = desks
        self._delivery = delivery
        self._ledger_answers = ledger_answers
        self._stopping = stopping
        self._turn = 0
        self._readying = Readying()
        self._ledger_away = True  # not known to answer yet
        self._registered: tuple[str, ...] | None = None
        self._job_heartbeat_due_s = 0.0
        self._heartbeat_due_s = 0.0
        self._maintenance_due_s = 0.0
        self._rq: Any = self  # RQ's methods that have no types
        self.beaten_s = time.monotonic()  # when the loop last turned, or the job under way last began a call: liveness

    @property
    def connection_timeout(self) -> int:
        """RQ would wait minutes for a Redis that says nothing."""
        return POP_SECONDS + 4

    def work(self, *_: Any, **__: Any) -> bool:
        """Until `stopping` is set. Outages of Redis, Postgres and HubSpot are waited for."""
        wait_s = 0.1
        while not self._stopping.is_set():
            self.beaten_s = time.monotonic()
            try:
                with outages_translated():
                    self._take_a_turn()
                wait_s = 0.1
            except QueueUnavailableError as error:
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._registered = None
                self.executions.clear()
                self._stopping.wait(wait_s)
                wait_s = min(LONGEST_WAIT_SECONDS, wait_s * 2)
        self._leave()
        return True

    def _take_a_turn(self) -> None:
        self._desks.refresh()
        self._be_known()
        if self._ledger_away:
            self._wait_for_ledger()
            return
        if time.monotonic() >= self._maintenance_due_s:
            self._maintenance_due_s = time.monotonic() + MAINTENANCE_SECONDS
            self.clean_registries()
        queues = self._open_queues()
        if not queues:
            self._readying.wait(POP_SECONDS / 4)
            return
        popped = self._pop(queues)
        if popped is None:
            return
        job, queue = popped
        if self._stopping.is_set():
            self._put_back(job, queue)
            return
        self.execute_job(job, queue)

    # -- taking work

    def _open_queues(self) -> list[Queue]:
        """Of the portals that may be called now, another one first each time: a busy portal never starves the others."""
        free = [desk for desk in self._desks.all() if not desk.held_for_s]
        for desk in free:
            if not desk.ready:
                self._readying.begin(desk)
        desks = [desk for desk in free if desk.ready]
        if not desks:
            return []
        self._turn = (self._turn + 1) % len(desks)
        return [self._queue(desk.portal.name) for desk in desks[self._turn :] + desks[: self._turn]]

    def _queue(self, portal: str) -> Queue:
        return Queue(queue_name(Kind.DELIVER, portal), connection=self.connection, serializer=JSONSerializer)

    def _pop(self, queues: Sequence[Queue]) -> tuple[Job, Queue] | None:
        try:
            return Queue.dequeue_any(queues, POP_SECONDS, connection=self.connection, serializer=JSONSerializer)
        except DequeueTimeout:
            return None

    def _put_back(self, job: Job, queue: Queue) -> None:
        """Not begun, and we are leaving: it is the next one again."""
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            queue.push_job_id(job.id, pipeline=pipeline, at_front=True)
            pipeline.execute()

    # -- performing it

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """True if it was done. A job that vanished from Redis under our hands has left its outcome in the ledger."""
        try:
            return self._perform_and_say(job, queue, execution)
        except (InvalidJobOperation, NoSuchJobError):
            log.warning("job %s was wiped from Redis meanwhile; the ledger knows how it ended", job.id)
            self.executions.clear()
            self.connection.delete(job.key)  # of a job that isn't there, RQ's notes make half a job that never expires
            return False

    def _perform_and_say(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Dispatches by name. RQ's own way would import the function and call it with nothing but the arguments."""
        self.prepare_job_execution(job, remove_from_intermediate_queue=True)
        job.started_at = now()
        try:
            ending = self._perform(job, queue)
        except LedgerUnavailableError as error:
            log.warning("job %s is given back: %s", job.id, error)
            self._ledger_away = True
            ending = Ending(what="ledger away", again_after_ms=LEDGER_AGAIN_MS)
        except Exception:
            log.exception("job %s", job.id)
            self._finalize_failure(job, queue, execution, sys.exc_info())
            return False
        self._finalize_success(job, queue, execution, None)
        if ending.again_after_ms is not None:
            give_back(self.connection, job, ending.again_after_ms)
        return True

    def _perform(self, job: Job, queue: Queue) -> Ending:
        if job.func_name != DELIVER:
            raise ValueError(f"job {job.id} names {job.func_name}, which this worker doesn't know")
        desk = self._desk_of(queue)
        if desk is None:
            return Ending(what="portal gone", again_after_ms=LEDGER_AGAIN_MS)
        self._job_heartbeat_due_s = 0.0  # with the claim
        return self._delivery.deliver(parse_job_id(job.id), desk, self._beat)

    def _beat(self) -> None:
        """From a job under way. Its lease in Redis is prolonged if Redis takes it: the claim counts, not this."""
        self.beaten_s = time.monotonic()
        if self.beaten_s < self._job_heartbeat_due_s:
            return
        self._job_heartbeat_due_s = self.beaten_s + JOB_HEARTBEAT_SECONDS
        try:
            with outages_translated():
                self._prolong()
        except QueueUnavailableError as error:
            log.debug("the job under way could not be prolonged: %s", error)

    def _prolong(self) -> None:
        with self.connection.pipeline() as pipeline:
            self.heartbeat(pipeline=pipeline)
            for execution in self.executions.values():
                execution.heartbeat(execution.job.started_job_registry, CLAIMED_JOB_SECONDS, pipeline=pipeline)
            pipeline.execute()

    def _desk_of(self, queue: Queue) -> Desk | None:
        return next((desk for desk in self._desks.all() if queue_name(Kind.DELIVER, desk.portal.name) == queue.name), None)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - RQ's signature
        return JOB_SECONDS

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:  # noqa: ARG002 - RQ's signature
        """RQ would let a worker count as gone when its job's short lease ends."""
        super().heartbeat(None, pipeline=pipeline)

    # -- being known to RQ

    def _be_known(self) -> None:
        """Registered under the queues it serves now, with a heartbeat; again after Redis was wiped."""
        names = tuple(queue_name(Kind.DELIVER, desk.portal.name) for desk in self._desks.all())
        if names != self._registered or (self._heartbeat_is_due() and not self.connection.hexists(self.key, "birth")):
            self._register(names)
        elif self._heartbeat_is_due():
            self.heartbeat()
        else:
            return
        self._heartbeat_due_s = time.monotonic() + HEARTBEAT_SECONDS

    def _heartbeat_is_due(self) -> bool:
        return time.monotonic() >= self._heartbeat_due_s

    def _register(self, names: Sequence[str]) -> None:
        with self.connection.pipeline() as pipeline:
            worker_registration.unregister(self, pipeline)
            pipeline.delete(self.key)
            pipeline.execute()
        self.queues = [Queue(name, connection=self.connection, serializer=JSONSerializer) for name in names]
        self._ordered_queues = self.queues[:]
        self._set_ip_address(self.connection)
        self._rq.register_birth()
        self.set_state(WorkerStatus.IDLE)
        self._registered = tuple(names)
        log.info("worker %s serves %s", self.name, ", ".join(names) or "no portal: none has a token here")

    def _leave(self) -> None:
        try:
            with outages_translated():
                self._rq.register_death()
        except QueueUnavailableError as error:
            log.warning("%s; RQ forgets this worker by itself", error)

    # -- keeping the registries clean

    def clean_registries(self) -> None:
        for queue in self.queues:
            if queue.acquire_maintenance_lock():
                try:
                    self._forget_abandoned(queue)
                    worker_registration.clean_worker_registry(queue)
                finally:
                    self.connection.delete(queue.registry_cleaning_key)

    def _forget_abandoned(self, queue: Queue) -> None:
        """Jobs whose worker died: deleted, so that nothing takes them for under way when the ledger offers the batch again."""
        started = StartedJobRegistry(queue=queue)
        for job_id in started.get_expired_job_ids():
            self._delete(job_id)
        self.connection.zremrangebyscore(started.key, 0, time.time())
        for job_id in queue.intermediate_queue.get_job_ids():
            if queue.intermediate_queue.should_be_cleaned_up(job_id):
                self._delete(job_id)
                queue.intermediate_queue.remove(job_id)
            else:
                queue.intermediate_queue.set_first_seen(job_id)
        FinishedJobRegistry(queue=queue).cleanup()
        FailedJobRegistry(queue=queue).cleanup()

    def _delete(self, job_id: str) -> None:
        log.info("job %s was abandoned; the ledger offers its batch again", job_id)
        self.connection.delete(Job.key_for(job_id))

    # -- waiting

    def _wait_for_ledger(self) -> None:
        if self._ledger_answers():
            self._ledger_away = False
        else:
            self._stopping.wait(1)


def stop_on_signals(stopping: threading.Event) -> None:
    """SIGTERM and SIGINT ask the worker to finish its batch and leave. Asking twice changes nothing: a claim is never torn."""

    def ask(number: int, _: FrameType | None) -> None:
        if not stopping.is_set():
            log.info("%s: finishing the batch under way, then leaving", signal.Signals(number).name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
