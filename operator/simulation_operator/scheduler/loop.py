"""The dispatcher's loop: a tick a second, on a thread of its own, from the moment the schema is new enough."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.ledger.engine import schema_state
from simulation_core.queue.connection import NO_EVICTION, eviction_policy
from simulation_core.queue.scheduler import BulkScheduler
from simulation_operator.scheduler.dispatcher import Dispatcher
from simulation_operator.scheduler.metrics import Metrics

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 5.0
POLICY_SECONDS = 60.0


class DispatchLoop:
    """`problem` says why nothing is offered, None while all is well. `beaten_s`: when the loop last turned, on the monotonic clock."""

    def __init__(self, engine: Engine, scheduler: BulkScheduler, dispatcher: Dispatcher, metrics: Metrics) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._schema_is_fine = False
        self._policy_due_s = 0.0
        self.problem: str | None = "the first tick is not done yet"
        self.beaten_s = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        wait_s = TICK_SECONDS
        while not stop.is_set():
            began_s = time.monotonic()
            self.beaten_s = began_s
            problem = self._turn()
            self._say(problem)
            wait_s = min(LONGEST_WAIT_SECONDS, wait_s * 2) if problem else TICK_SECONDS
            stop.wait(max(0.0, wait_s - (time.monotonic() - began_s)))

    def _turn(self) -> str | None:
        try:
            if not self._schema_is_fine and (problem := self._schema_problem()):
                return problem
            self._schema_is_fine = True
            result = self._dispatcher.tick()
            if result.problem is None:
                self._look_at_policy()
            return result.message or None
        except (LedgerUnavailableError, QueueUnavailableError) as error:
            return str(error)
        except Exception as error:
            log.exception("a tick failed")
            return f"a tick failed: {type(error).__name__}"

    def _say(self, problem: str | None) -> None:
        """Once per problem, and once when it is over."""
        if problem != self.problem:
            if problem:
                log.warning("nothing is offered: %s", problem)
            else:
                log.info("offering")
        self.problem = problem

    def _schema_problem(self) -> str | None:
        schema = schema_state(self._engine)
        if schema.new_enough:
            return None
        return f"the schema is {schema.current or 'absent'}, this build needs {schema.needed}: run simulation-migrate"

    def _look_at_policy(self) -> None:
        if time.monotonic() < self._policy_due_s:
            return
        self._policy_due_s = time.monotonic() + POLICY_SECONDS
        policy = eviction_policy(self._scheduler.connection)
        unsafe = policy is not None and policy != NO_EVICTION
        self._metrics.eviction_unsafe.set(unsafe)
        if unsafe:
            log.warning("Redis may evict jobs: its maxmemory-policy is %s, set it to %s", policy, NO_EVICTION)
