"""The loop that lets go of what was recorded about single records of runs that ended long ago: one for all, never one a CR."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from sqlalchemy import Engine

from simulation_core.errors import LedgerBusyError, LedgerUnavailableError
from simulation_core.ledger import retention
from simulation_operator.leadership import Leadership
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

EVERY_SECONDS = 600.0


@dataclass(kw_only=True)
class RetentionLoop:
    engine: Engine
    threads: Threads
    leadership: Leadership
    retention_seconds: int
    every_seconds: float = EVERY_SECONDS
    _ended: bool = field(default=False)

    async def run(self) -> None:
        self._ended = False
        try:
            while True:
                await self.leadership.wait()
                await self._look()
                await asyncio.sleep(self.every_seconds)
        finally:
            self._ended = True  # a purge under way in its thread ends with its transaction

    async def tick(self) -> None:
        """Purges what is due, one run after the other. One that can't be now is tried again at the next tick, and holds up none."""
        for run in await self.threads.ledger(retention.due, self.engine, retention_seconds=self.retention_seconds):
            if not self._may_go_on():
                return
            try:
                purged = await self.threads.ledger(
                    retention.purge, self.engine, run, retention_seconds=self.retention_seconds, go_on=self._may_go_on
                )
            except LedgerBusyError as error:
                log.warning("simulation %s is purged later: %s", run, error)
            else:
                log.log(logging.INFO if purged else logging.WARNING, "simulation %s: %s", run, _WORDS[purged])

    async def _look(self) -> None:
        try:
            await self.tick()
        except LedgerUnavailableError as error:
            log.warning("retention waits: %s", error)
        except Exception:
            log.exception("retention failed")

    def _may_go_on(self) -> bool:
        return self.leadership.leading and not self._ended


_WORDS = {
    True: "retention removed its batches and what was recorded about single records; the counts stay",
    False: "retention was interrupted and goes on later",
}
