"""Kubernetes Events: one object for each Simulation and reason, counted up when it happens again, never one a record."""

from __future__ import annotations

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulation_core.clock import iso_seconds, now_ms
from simulation_operator.api import Api, ApiError, NotFoundError
from simulation_operator.happenings import Happening
from simulation_operator.resource import API_VERSION, KIND, Key

log = logging.getLogger(__name__)

COMPONENT = "simulation-operator"
LONGEST_MESSAGE = 1024  # the API server's own limit
LONGEST_NAME = 253  # as well
QUIET_SECONDS = 20.0  # the same thing isn't written twice within this time; its count is
REMEMBERED = 2_000


@dataclass(kw_only=True)
class _Told:
    name: str
    count: int
    written_at: float


class Events:
    """Best effort: an Event that can't be written is logged and dropped; the status says the same."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._told: OrderedDict[tuple[uuid.UUID, str], _Told] = OrderedDict()

    async def tell(self, key: Key, happening: Happening) -> None:
        told = self._told.get((key.uid, happening.reason))
        try:
            if told is None:
                await self._first(key, happening)
            else:
                await self._again(key, happening, told)
        except ApiError as error:
            log.warning("an Event of %s is lost: %s", key, error)

    async def _first(self, key: Key, happening: Happening) -> None:
        name = event_name(key.name, uuid.uuid4().hex[:16])
        await self._api.create_event(key.namespace, event(name, key, happening, now=iso_seconds(now_ms())))
        self._told[key.uid, happening.reason] = _Told(name=name, count=1, written_at=self._clock())
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    async def _again(self, key: Key, happening: Happening, told: _Told) -> None:
        told.count += 1
        if self._clock() - told.written_at < QUIET_SECONDS:
            return
        changes = {"count": told.count, "lastTimestamp": iso_seconds(now_ms()), "message": happening.message[:LONGEST_MESSAGE]}
        try:
            await self._api.patch_event(key.namespace, told.name, changes)
        except NotFoundError:  # Events live an hour
            await self._first(key, happening)
        told.written_at = self._clock()


def event_name(simulation: str, unique: str) -> str:
    """A DNS subdomain, as Kubernetes wants names: at most 253 characters, and no part of it ends in a hyphen."""
    return f"{simulation[: LONGEST_NAME - len(unique) - 1].rstrip('-.')}.{unique}"


def event(name: str, key: Key, happening: Happening, *, now: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": key.namespace},
        "involvedObject": {"apiVersion": API_VERSION, "kind": KIND, "namespace": key.namespace, "name": key.name, "uid": str(key.uid)},
        "type": "Warning" if happening.warning else "Normal",
        "reason": str(happening.reason),
        "message": happening.message[:LONGEST_MESSAGE],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
