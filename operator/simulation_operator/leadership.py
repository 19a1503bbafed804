"""Whether this process may act: it holds the lock in Postgres, another holds it, or Postgres is away and nobody knows."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger.engine import schema_state
from simulation_core.ledger.leader import SessionLock
from simulation_operator.metrics import Metrics

log = logging.getLogger(__name__)

LOCK = "simulation-operator"
LOOK_EVERY_SECONDS = 2.0
PATIENCE_SECONDS = 1.0


class State(enum.Enum):
    STARTING = "starting"
    LEADING = "leading"
    STANDBY = "standby: another operator holds the lock"
    OUTDATED = "the database's schema is older than this operator needs: run simulation-migrate"
    AWAY = "the database can't be reached"


class Leadership:
    """One replica with Recreate is not at most one when a node is lost; a session lock is."""

    def __init__(self, lock: SessionLock, engine: Engine, metrics: Metrics, on_taken: Callable[[], None] = lambda: None) -> None:
        self._lock = lock
        self._engine = engine
        self._metrics = metrics
        self._leads = asyncio.Event()
        self.on_taken = on_taken
        self.state = State.STARTING
        self.problem = "Postgres can't be reached"

    @property
    def leading(self) -> bool:
        return self.state is State.LEADING

    def not_ready(self) -> str | None:
        """For the readiness probe."""
        return None if self.leading else self.state.value

    async def wait(self) -> None:
        """Until this process leads."""
        await self._leads.wait()

    async def run(self) -> None:
        while True:
            self._become(await asyncio.to_thread(self._look))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def release(self) -> None:
        self._leads.clear()
        await asyncio.to_thread(self._lock.release)

    def _look(self) -> State:
        try:
            if self._lock.held():
                return State.LEADING
            if not schema_state(self._engine).new_enough:
                return State.OUTDATED
            return State.LEADING if self._lock.acquire(PATIENCE_SECONDS) else State.STANDBY
        except LedgerUnavailableError as error:
            self.problem = str(error)
            return State.AWAY

    def _become(self, state: State) -> None:
        if state is self.state:
            return
        log.log(logging.INFO if state in {State.LEADING, State.STANDBY} else logging.WARNING, "leadership: %s", state.value)
        self.state = state
        self._metrics.leader.set(int(self.leading))
        if self.leading:
            self._leads.set()
            self.on_taken()
        else:
            self._leads.clear()
