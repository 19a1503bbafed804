"""The periodic list-and-reconcile: what a stalled watch, a restart or an outage made us miss is found here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import runs
from simulation_core.ledger.runs import Place
from simulation_operator.api import Api, ApiError, Page
from simulation_operator.keys import KeyQueue
from simulation_operator.leadership import Leadership
from simulation_operator.metrics import Metrics
from simulation_operator.pace import Pace
from simulation_operator.resource import Key, settled_records
from simulation_operator.roster import Entry, Roster
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

ONE_IN = 10  # of those about which nothing is left to do
ENDED_LATELY_SECONDS = 15 * 60  # what a worker still delivers for a run that was stopped is counted within a lease and a fold


@dataclass(kw_only=True)
class Resync:
    api: Api
    engine: Engine
    threads: Threads
    roster: Roster
    queue: KeyQueue[Key]
    leadership: Leadership
    metrics: Metrics
    scopes: tuple[str | None, ...]
    every_seconds: float
    deadline_seconds: float
    clock: Callable[[], float] = time.monotonic
    finished_at: float | None = None
    tried: asyncio.Event = field(default_factory=asyncio.Event)  # the first list is complete, or it failed
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _took_over: bool = True
    _round: int = 0

    def __post_init__(self) -> None:
        self._begun_at = self.clock()
        self._pace = Pace(every_seconds=self.every_seconds, deadline_seconds=self.deadline_seconds, clock=self.clock)

    def ask(self) -> None:
        """Do it now rather than at the next turn: the lock was taken, and whoever had it before may have left long ago."""
        self._took_over = True
        self._pace.hurry()
        self.roster.unsettle()  # what the ledger knows may be another's, or older than it was
        self._asked.set()

    def not_alive(self) -> str | None:
        """For the liveness probe: a process that can't finish a list for so long may as well be started again."""
        silent_seconds = self.clock() - (self.finished_at or self._begun_at)
        if silent_seconds <= self.deadline_seconds:
            return None
        return f"no complete list of Simulations for {silent_seconds:.0f} s"

    async def run(self) -> None:
        while True:
            self._asked.clear()
            try:
                await self.once()
            except (ApiError, LedgerUnavailableError) as error:
                log.warning("resync: %s", error)
            except Exception:
                log.exception("resync failed")
            self.tried.set()  # failed or not
            try:
                async with asyncio.timeout(self._pace.seconds_between_lists):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def once(self) -> None:
        """Takes in a complete list of every scope; only then may something count as missing.

        Of ten thousand Simulations next to all are as the watch left them: their metadata says so, and no more of them is read.
        """
        took_over, self._took_over = self._took_over, False
        try:
            knew_what_ended = await self._take_in(took_over)
        except BaseException:
            self._took_over |= took_over
            raise
        self._took_over |= took_over and not knew_what_ended

    async def _take_in(self, took_over: bool) -> bool:
        """False: what ended lately wasn't known."""
        listed: set[UUID] = set()
        as_of: dict[str | None, int] = {}
        ended = await self._ended_lately(took_over)
        self._pace.begin(hurried=took_over and self.leadership.leading)
        for scope in self.scopes:
            async for page in self._pages(scope):
                listed.update(seen.key.uid for seen in page.seen)
                as_of[scope] = page.as_of
                await self._see_what_is_news(scope, page)
                if self._doubt_what_was_counted_since(page, ended or {}):
                    await self._see_what_is_news(scope, page)
                self._have_looked_at(page)
                await self._pace.page_done()
        self._pace.complete()
        self.roster.complete = True
        self._round += 1
        self.finished_at = self.clock()
        self.tried.set()
        self.metrics.resyncs.inc()
        if self.leadership.leading:
            await self._miss(listed, as_of)
        return ended is not None

    def _pages(self, scope: str | None) -> AsyncIterator[Page]:
        """Of the first list, of which nothing is known, all is read."""
        return self.api.list_seen(scope) if self.roster.complete else self.api.list_whole(scope)

    async def _ended_lately(self, took_over: bool) -> Mapping[UUID, int] | None:
        """None while the ledger is away or another one's: a list counts as complete without it."""
        if not self.leadership.leading:
            return None
        try:
            return await self.threads.ledger(runs.ended_lately, self.engine, None if took_over else ENDED_LATELY_SECONDS)
        except LedgerUnavailableError as error:
            log.debug("resync: %s", error)
            return None

    async def _see_what_is_news(self, scope: str | None, page: Page) -> None:
        if not all(map(self.roster.knows, page.seen)):
            for simulation in await self.api.whole(scope, page):
                self.roster.see(simulation)

    def _doubt_what_was_counted_since(self, page: Page, ended: Mapping[UUID, int]) -> bool:
        """Whether there is any: more was counted after an operator had shown the end, and left."""
        known = ((uid, self.roster.get(uid)) for uid in (seen.key.uid for seen in page.seen) if uid in ended)
        doubtful = {uid for uid, entry in known if entry is not None and settled_records(entry.written) != ended[uid]}
        self.roster.unshown |= doubtful
        return bool(doubtful)

    def _have_looked_at(self, page: Page) -> None:
        for key in (seen.key for seen in page.seen):
            entry = self.roster.get(key.uid)
            if entry is not None and not entry.resting and not self._may_wait(entry):
                self.queue.add(key, patient=True)

    def _may_wait(self, entry: Entry) -> bool:
        """A run that is on as it should be has news from its Simulation only. Should the ledger differ all the same, it has its turn."""
        as_it_should_be = entry.settled is True and not entry.finished and not entry.simulation.deleting
        return as_it_should_be and (entry.key.uid.int + self._round) % ONE_IN != 0

    async def _miss(self, listed: set[UUID], as_of: Mapping[str | None, int]) -> None:
        """Runs whose Simulation the list lacked, and entries whose deletion the watch lacked.

        What a watch has brought since the list was made isn't missing from it: while a thousand are created, that is many.
        """
        for entry in self.roster:
            if entry.key.uid not in listed and entry.version <= as_of[self._scope_of(entry.key.namespace)]:
                self.roster.lose(entry.key.uid)  # the lifecycle asks for it by name before it concludes anything
                self.queue.add(entry.key, patient=True)
        for run in await self.threads.ledger(runs.not_deleted, self.engine):
            if run.id in listed or not self._in_scope(run.namespace):
                continue
            self._absent(run)
        for run in await self.threads.ledger(runs.archiving, self.engine):  # whose finalizer was removed by hand
            if run.id not in listed and self._in_scope(run.namespace):
                self._absent(run)

    def _absent(self, run: Place) -> None:
        if self.roster.get(run.id) is None:  # not one that a watch brought since
            self.roster.absent(run.id)
            self.queue.add(Key(run.namespace, run.name, run.id), patient=True)

    def _scope_of(self, namespace: str) -> str | None:
        return None if None in self.scopes else namespace

    def _in_scope(self, namespace: str) -> bool:
        return None in self.scopes or namespace in self.scopes
