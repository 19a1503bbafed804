"""The only place that writes a Simulation's status: when it changed, once, through the limiter; Events follow what was written."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from simulation_operator.api import Api, ApiError, ApiUnavailableError, ConflictError, ForbiddenError, NotFoundError
from simulation_operator.events import Events
from simulation_operator.happenings import happenings
from simulation_operator.keys import KeyQueue
from simulation_operator.resource import Key
from simulation_operator.roster import Entry, Roster

log = logging.getLogger(__name__)


class StatusWriter:
    """Writes at most `writes_a_tick` statuses at a time: what is left is built anew on the next tick, so nothing stale waits in a queue."""

    def __init__(self, *, api: Api, events: Events, roster: Roster, queue: KeyQueue[Key], writes_a_tick: int) -> None:
        self._api = api
        self._events = events
        self._roster = roster
        self._queue = queue
        self._writes_a_tick = writes_a_tick

    async def write(self, statuses: Mapping[UUID, dict[str, Any]]) -> None:
        """Changes of phase first, then whose status is oldest."""
        changed = []
        for uid, status in statuses.items():
            entry = self._roster.get(uid)
            if entry is None:
                continue
            if status == entry.written:
                self._roster.unshown.discard(uid)
            else:
                changed.append((entry, status))
        changed.sort(key=lambda pair: (pair[0].written.get("phase") == pair[1].get("phase"), pair[0].written_at))
        for entry, status in changed[: self._writes_a_tick]:
            try:
                await self._write(entry, status)
            except ApiUnavailableError as error:
                log.warning("%s", error)
                return  # the next tick tries again

    async def _write(self, entry: Entry, status: dict[str, Any]) -> None:
        before = entry.written
        try:
            version = await self._api.patch_status(entry.key, merge_patch(before, status))
        except (NotFoundError, ConflictError):
            self._roster.lose(entry.key.uid)
            self._queue.add(entry.key)
            return
        except ApiUnavailableError:
            raise
        except ApiError as error:
            _log_refusal(entry, error)
            entry.written_at = time.monotonic()  # last in line, so that others get their turn
            return
        if version >= entry.version:  # else a watch has brought a later one meanwhile
            entry.written, entry.version = status, version
        entry.refusal = ""
        entry.written_at = time.monotonic()
        self._roster.unshown.discard(entry.key.uid)
        for happening in happenings(before, status, asked_for=entry.simulation.spec):
            log.info("%s: %s: %s", entry.key, happening.reason, happening.message)
            await self._events.tell(entry.key, happening)


def _log_refusal(entry: Entry, error: ApiError) -> None:
    """Once, although it is tried on every tick. A right that is missing is often only not known yet: after the API server's start."""
    if str(error) != entry.refusal:
        level = logging.WARNING if isinstance(error, ForbiddenError) else logging.ERROR
        log.log(level, "the status of %s was refused: %s", entry.key, error)
    entry.refusal = str(error)


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386: all of `after`, and null for each member of `before` that is gone. Lists are whole."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        patch[name] = merge_patch(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return patch
