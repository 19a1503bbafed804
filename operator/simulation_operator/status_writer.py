"""The only place that writes a Simulation's status: when it changed, through the limiter; Events follow what was written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from simulation_core.reasons import Reason
from simulation_operator.api import Api, ApiError, ApiUnavailableError, ConflictError, ForbiddenError, NotFoundError
from simulation_operator.conditions import find
from simulation_operator.events import Events
from simulation_operator.happenings import happenings
from simulation_operator.keys import KeyQueue
from simulation_operator.looks import urgency
from simulation_operator.resource import Key
from simulation_operator.roster import Entry, Roster

log = logging.getLogger(__name__)

# So that the limiter, and not its answering time, says how many a second an API server gets that answers within a third of a second; one
# that takes longer has too much to do as it is.
AT_ONCE = 16
CONFLICT_COSTS_SECONDS = 2.0  # of its place in the line


class _Wanted(NamedTuple):
    entry: Entry
    built_on: Mapping[str, Any]  # what was shown then
    status: dict[str, Any]


class StatusWriter:
    """Writes the latest status known of each Simulation, longest unshown first: with too many changes for the limit each gets its turn.

    What is wanted is replaced as a whole by every look at the ledger, so nothing stale waits here.
    """

    def __init__(
        self, *, api: Api, events: Events, roster: Roster, queue: KeyQueue[Key], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._events = events
        self._roster = roster
        self._queue = queue
        self._clock = clock
        self._wanted: list[_Wanted] = []  # the first one last
        self._news = asyncio.Event()

    def want(self, statuses: Mapping[UUID, dict[str, Any]]) -> None:
        """What shall be shown, as of now. What is shown so already is done with."""
        now = self._clock()
        self._wanted = []
        for uid, status in statuses.items():
            entry = self._roster.get(uid)
            if entry is None:
                continue
            if status == entry.written:
                entry.unshown_since = None
                self._roster.unshown.discard(uid)
                continue
            if entry.unshown_since is None:
                entry.unshown_since = now
            self._wanted.append(_Wanted(entry, entry.written, status))
        self._wanted.sort(key=_urgency)
        self._wanted.reverse()
        self._news.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as writers:
            for number in range(AT_ONCE):
                writers.create_task(self._work(), name=f"write {number}")

    async def finish(self) -> None:
        """Writes all that is wanted, one after the other."""
        while await self._write_next():
            pass

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            if not await self._write_next():
                self._news.clear()

    async def _write_next(self) -> bool:
        """False: nothing is left."""
        if not self._wanted:
            return False
        entry, built_on, status = self._wanted.pop()
        uid = entry.key.uid
        if self._roster.get(uid) is not entry:
            return True
        if uid in self._roster.writing or entry.written != built_on:
            self._roster.unshown.add(uid)  # what is there by now, or on its way, may say more: the next look builds it again
            return True
        self._roster.writing.add(uid)
        try:
            await self._write(entry, status)
        except ApiUnavailableError as error:
            log.warning("%s", error)
            self._wanted = []  # tried again after the next look
        finally:
            self._roster.writing.discard(uid)
        return True

    async def _write(self, entry: Entry, status: dict[str, Any]) -> None:
        before = entry.written
        try:
            version = await self._api.patch_status(entry.key, merge_patch(before, status), version=entry.version)
        except NotFoundError:
            self._lose(entry)
            return
        except ConflictError:
            await self._see_again(entry)
            return
        except ApiUnavailableError:
            raise
        except ApiError as error:
            _log_refusal(entry, error)
            entry.unshown_since = None  # tried again at its next turn, so that others get theirs
            return
        if version >= entry.version:  # else a watch has brought a later one meanwhile
            entry.written, entry.version = status, version
        entry.refusal = ""
        entry.unshown_since = None
        for happening in happenings(before, status, asked_for=entry.simulation.spec):
            log.info("%s: %s: %s", entry.key, happening.reason, happening.message)
            self._events.tell(entry.key, happening)

    async def _see_again(self, entry: Entry) -> None:
        """Somebody has changed it, and the watch hasn't brought that yet; or it is another one of the same name.

        It about keeps its place in the line: at the end of it would be the oldest status of all, at the head what somebody changes all
        the time would keep the others waiting. Raises ApiUnavailableError.
        """
        uid = entry.key.uid
        self._roster.unshown.add(uid)
        try:
            found = await self._api.find(entry.key)
        except ApiUnavailableError:
            raise
        except ApiError as error:
            log.warning("%s", error)
            found = None
        if found is None or self._roster.get(uid) is not entry:  # a watch may have told of its deletion meanwhile
            self._lose(entry)
            return
        if entry.unshown_since is not None:
            entry.unshown_since += CONFLICT_COSTS_SECONDS
        if self._roster.see(found):
            self._queue.add(entry.key)

    def _lose(self, entry: Entry) -> None:
        """The lifecycle asks for it by name."""
        self._roster.lose(entry.key.uid)
        self._queue.add(entry.key)


def _urgency(wanted: _Wanted) -> tuple[float, int]:
    """Lowest first."""
    says_only_planning = find(wanted.status, "Progressing").get("reason") == Reason.PLANNING
    return urgency(wanted.entry, wanted.status.get("phase", ""), says_only_planning=says_only_planning)


def _log_refusal(entry: Entry, error: ApiError) -> None:
    """Once, although it is tried on every tick. A right that is missing is often only not known yet: after the API server's start."""
    if str(error) != entry.refusal:
        level = logging.WARNING if isinstance(error, ForbiddenError) else logging.ERROR
        log.log(level, "the status of %s was refused: %s", entry.key, error)
    entry.refusal = str(error)


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386: what differs in `after`, and null for each member of `before` that is gone. Lists are whole.

    A patch of all of `after` costs the API server a fifth more.
    """
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if name not in before or old != value:
            patch[name] = merge_patch(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return patch
