"""What a portal has: properties, owners, pipelines. Read when somebody asks, and kept for a while, for all runs on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from simulation_core.portals import Portal
from simulation_worker.crm import paths
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.setup import ensure_properties, require
from simulation_worker.crm.wants import Pipeline, Stages, Wants, check_owners, check_properties, stages_for

KEPT_SECONDS = 30.0
PAGES_AT_MOST = 100  # of owners

Kept = TypeVar("Kept")


class Inventory:
    """Of one portal; used by all its slots. Raises PortalHeldError where it can't be read."""

    def __init__(self, portal: Portal, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._portal = portal
        self._clock = clock
        self._kept: dict[str, tuple[float, Any]] = {}
        self._created: dict[str, tuple[float, Sequence[str]]] = {}  # when some of our own properties were, last
        self._reading = threading.RLock()  # who needs the same waits for it

    def check(self, client: CrmClient, wants: Wants, *, not_before_s: float | None = None) -> Stages | None:
        """Where the run's deals stand. Raises LackingError. Judges by nothing that was read before `not_before_s`."""
        since_s = self._clock() - KEPT_SECONDS if not_before_s is None else not_before_s
        for object_type in wants.properties:
            check_properties(wants, object_type, self._properties(client, object_type, since_s))
        if wants.owner_ids:
            check_owners(wants, self._look("owners", since_s, lambda: _owners(client, self._portal)))
        if wants.deals is None:
            return None
        self.created(client, "deals", since_s)
        return stages_for(wants.deals, self._look("pipelines", since_s, lambda: _pipelines(client, self._portal)))

    def created(self, client: CrmClient, object_type: str, not_before_s: float, *, since_s: float | None = None) -> Sequence[str]:
        """Which of our own properties were missing and were created anew since `since_s` (else `not_before_s`), by whichever slot."""
        with self._reading:
            self._look(f"our properties of {object_type}", not_before_s, lambda: self._create_missing(client, object_type))
            when_s, names = self._created.get(object_type, (float("-inf"), ()))
            return names if when_s >= (not_before_s if since_s is None else since_s) else ()

    def _create_missing(self, client: CrmClient, object_type: str) -> None:
        if created := ensure_properties(client, self._portal, object_type):
            self._created[object_type] = (self._clock(), created)

    def _properties(self, client: CrmClient, object_type: str, since_s: float) -> Mapping[str, Mapping[str, Any]]:
        return self._look(f"properties of {object_type}", since_s, lambda: _properties(client, self._portal, object_type))

    def _look(self, what: str, since_s: float, read: Callable[[], Kept]) -> Kept:
        with self._reading:
            read_s, kept = self._kept.get(what, (float("-inf"), None))
            if read_s < since_s:
                began_s = self._clock()
                kept = read()
                self._kept[what] = (began_s, kept)
            return cast(Kept, kept)


def _properties(client: CrmClient, portal: Portal, object_type: str) -> Mapping[str, Mapping[str, Any]]:
    answer = client.get(paths.properties(object_type))
    require(answer, portal, f"read the properties of {object_type}: grant crm.schemas.{object_type}.read")
    return {str(each.get("name")): each for each in answer.results}


def _owners(client: CrmClient, portal: Portal) -> frozenset[str]:
    return frozenset(_each_owner(client, portal))


def _each_owner(client: CrmClient, portal: Portal) -> Iterator[str]:
    after: str | None = None
    for _ in range(PAGES_AT_MOST):
        answer = client.get(paths.owners(after))
        require(answer, portal, "read the owners, which spec.records.ownerIds needs: grant crm.objects.owners.read")
        yield from (str(each.get("id")) for each in answer.results)
        after = ((answer.body.get("paging") or {}).get("next") or {}).get("after")
        if not after:
            return


def _pipelines(client: CrmClient, portal: Portal) -> Mapping[str, Pipeline]:
    answer = client.get(paths.pipelines("deals"))
    require(answer, portal, "read the pipelines of deals, which spec.records.deals needs: grant crm.schemas.deals.read")
    return {pipeline.id: pipeline for pipeline in map(_pipeline, answer.results)}


def _pipeline(told: Mapping[str, Any]) -> Pipeline:
    stages = sorted(
        (stage for stage in told.get("stages") or () if not stage.get("archived")), key=lambda stage: int(stage.get("displayOrder") or 0)
    )
    won = next((str(stage.get("id")) for stage in stages if _is_won(stage.get("metadata") or {})), None)
    return Pipeline(id=str(told.get("id")), stages=tuple(str(stage.get("id")) for stage in stages), won=won)


def _is_won(metadata: Mapping[str, Any]) -> bool:
    return str(metadata.get("isClosed")).lower() == "true" and str(metadata.get("probability")) in ("1", "1.0")
