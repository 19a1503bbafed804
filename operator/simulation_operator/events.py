"""Kubernetes Events: what happened, for `kubectl describe`. Aggregated: the same reason again only counts up, with the latest message."""

from __future__ import annotations

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulation_core.clock import iso_seconds, now_ms
from simulation_operator.api import Api, ApiError, ApiUnavailableError, NotFoundError
from simulation_operator.happenings import Happening
from simulation_operator.keys import KeyQueue
from simulation_operator.resource import API_VERSION, KIND, Key

log = logging.getLogger(__name__)

COMPONENT = "simulation-operator"
LONGEST_MESSAGE = 1024  # the API server's own limit
LONGEST_NAME = 253  # as well
QUIET_SECONDS = 20.0  # the same thing isn't written again sooner; what comes meanwhile is one write
REMEMBERED = 10_000  # a thousand runs with ten reasons each; those not told for longest go first
MOST_WAITING = 20_000

What = tuple[Key, str]  # a Simulation and a reason: one Event


@dataclass(kw_only=True)
class _Told:
    """Is in the API server."""

    name: str
    count: int
    written_at: float


@dataclass(kw_only=True)
class _News:
    """Is to be written: the newest message, how often it came, and when first and last."""

    happening: Happening
    first: str
    last: str
    count: int = 1


class Events:
    """Written one after another, about in the order in which things happened, after the statuses; tried again while the server is away.

    One at a time beside all the statuses that are on their way at once: where not the limiter but an API server that has too much to do
    holds both up, Events have a small part of it as well. Best effort all the same: a kill -9 loses what waits. The status says the same.
    """

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._told: OrderedDict[What, _Told] = OrderedDict()
        self._news: dict[What, _News] = {}
        self._queue: KeyQueue[What] = KeyQueue(clock)

    def tell(self, key: Key, happening: Happening) -> None:
        what, now = (key, str(happening.reason)), iso_seconds(now_ms())
        if (waiting := self._news.get(what)) is not None:
            waiting.happening, waiting.last = happening, now
            waiting.count += 1
        elif len(self._news) < MOST_WAITING:
            self._news[what] = _News(happening=happening, first=now, last=now)
        else:
            log.warning("an Event of %s is lost: too many wait: %s", key, happening.message)
            return
        told = self._told.get(what)
        self._queue.add(what, 0.0 if told is None else max(0.0, told.written_at + QUIET_SECONDS - self._clock()))

    async def run(self) -> None:
        while True:
            what = await self._queue.get()
            try:
                await self._write(what)
            finally:
                self._queue.done(what)

    async def finish(self) -> None:
        """Writes what waits, quiet or not: at the process's end."""
        for what in list(self._news):
            await self._write(what)

    async def _write(self, what: What) -> None:
        if (news := self._news.pop(what, None)) is None:
            return
        try:
            await self._put(what, news)
            self._queue.forget(what)
        except ApiUnavailableError as error:
            self._keep(what, news)
            if not self._queue.retry(what):
                self._lose(what, error)
        except ApiError as error:
            self._lose(what, error)

    def _keep(self, what: What, news: _News) -> None:
        """With what has come meanwhile."""
        if (newer := self._news.get(what)) is not None:
            news.happening, news.last, news.count = newer.happening, newer.last, news.count + newer.count
        self._news[what] = news

    def _lose(self, what: What, error: ApiError) -> None:
        self._news.pop(what, None)
        log.warning("an Event of %s is lost: %s", what[0], error)

    async def _put(self, what: What, news: _News) -> None:
        told = self._told.get(what)
        if told is None:
            await self._first(what, news)
            return
        count = told.count + news.count
        changes = {"count": count, "lastTimestamp": news.last, "message": news.happening.message[:LONGEST_MESSAGE]}
        try:
            await self._api.patch_event(what[0].namespace, told.name, changes)
        except NotFoundError:  # Events live an hour
            await self._first(what, news)
            return
        told.count, told.written_at = count, self._clock()
        self._told.move_to_end(what)

    async def _first(self, what: What, news: _News) -> None:
        key = what[0]
        name = event_name(key.name, uuid.uuid4().hex[:16])
        await self._api.create_event(key.namespace, event(name, key, news))
        self._told[what] = _Told(name=name, count=news.count, written_at=self._clock())
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)


def event_name(simulation: str, unique: str) -> str:
    """A DNS subdomain, as Kubernetes wants names: at most 253 characters, and no part of it ends in a hyphen."""
    return f"{simulation[: LONGEST_NAME - len(unique) - 1].rstrip('-.')}.{unique}"


def event(name: str, key: Key, news: _News) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": key.namespace},
        "involvedObject": {"apiVersion": API_VERSION, "kind": KIND, "namespace": key.namespace, "name": key.name, "uid": str(key.uid)},
        "type": "Warning" if news.happening.warning else "Normal",
        "reason": str(news.happening.reason),
        "message": news.happening.message[:LONGEST_MESSAGE],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "count": news.count,
        "firstTimestamp": news.first,
        "lastTimestamp": news.last,
    }
