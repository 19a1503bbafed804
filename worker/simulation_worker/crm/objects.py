"""Finding and archiving objects, for what is done after a run: slower than deliveries, and never in their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from simulation_core.errors import SimulationError
from simulation_core.reasons import Reason
from simulation_worker.crm import paths
from simulation_worker.crm.answers import Answer, explained
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.crm.judge import Ruling, judge
from simulation_worker.crm.setup import ID, KEY
from simulation_worker.crm.writes import MAX_INPUTS, chunks

A_PAGE = 200  # of a search: HubSpot's most
SEARCH_SECONDS = 0.25  # between two: HubSpot takes five a second of all apps of an account, and says nothing before it refuses
MOST_TRIES = 5  # of a call that may be answered the next time


class RefusedError(SimulationError):
    """HubSpot refuses a call of ours, or answers it with errors of its own, again and again."""


class Objects:
    """One thread's calls. Raises PortalHeldError where the portal takes nothing now, RefusedError, and FenceLostError as its lease does.

    `aside_s`: for how long the next call has to wait for deliveries; asked once before each.
    """

    def __init__(
        self,
        client: CrmClient,
        *,
        aside_s: Callable[[], float],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._aside_s = aside_s
        self._sleep = sleep
        self._called_s = 0.0

    def by_key(self, object_type: str, keys: Sequence[str]) -> dict[str, str]:
        """HubSpot's ids of the objects that have these keys now. What was archived has none."""
        return {str(each["properties"][KEY]): str(each["id"]) for each in self._read(object_type, keys, {"idProperty": KEY})}

    def still_there(self, object_type: str, ids: Sequence[str]) -> list[str]:
        """Of these ids those that exist now: a search may be behind."""
        return [str(each["id"]) for each in self._read(object_type, ids, {})]

    def search(self, object_type: str, simulation_id: UUID, *, after: int) -> list[tuple[int, str]]:
        """Ids and keys of a page of the run's objects with ids above `after`, in order. A search of its own: it never comes to 10,000."""
        filters = [
            {"propertyName": ID, "operator": "EQ", "value": str(simulation_id)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(after)},
        ]
        asked = {
            "filterGroups": [{"filters": filters}],
            "sorts": ["hs_object_id"],
            "properties": [KEY],
            "limit": A_PAGE,
            "after": "0",
        }
        found = self._post(paths.search(object_type), asked, apart_seconds=SEARCH_SECONDS).results
        return sorted((int(each["id"]), str((each.get("properties") or {}).get(KEY) or "")) for each in found)

    def archive(self, object_type: str, ids: Sequence[str]) -> None:
        """What is archived already is as good as archived."""
        for some in _hundreds(ids):
            self._post(paths.archive(object_type), {"inputs": [{"id": each} for each in some]})

    def _read(self, object_type: str, names: Sequence[str], more: Mapping[str, str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for some in _hundreds(names):
            asked = {"inputs": [{"id": each} for each in some], "properties": [KEY], "propertiesWithHistory": [], **more}
            found += self._post(paths.read(object_type), asked).results
        return found

    def _post(self, path: str, body: Mapping[str, Any], *, apart_seconds: float = 0.0) -> Answer:
        for attempt in range(MOST_TRIES):
            self._give_way(apart_seconds)
            answer = self._client.post(path, body)
            verdict = judge(answer)
            if verdict.ruling is Ruling.DONE:
                return answer
            if verdict.ruling is Ruling.ISOLATE:
                break
            only_this_call = verdict.counts_as_try or (apart_seconds and verdict.reason is Reason.PORTAL_THROTTLED)
            if verdict.reason and verdict.ruling in {Ruling.STOP, Ruling.LATER} and not only_this_call:
                raise PortalHeldError(verdict.reason, explained(verdict.reason, answer), verdict.wait_ms)
            self._sleep(min(5.0, 2.0**attempt))
        raise RefusedError(f"HubSpot refuses {path} ({answer.status}): {answer.message}")

    def _give_way(self, apart_seconds: float) -> None:
        wait_s = max(self._aside_s(), self._called_s + apart_seconds - time.monotonic())
        if wait_s > 0:
            self._sleep(wait_s)
        self._called_s = time.monotonic()


def _hundreds(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return chunks(list(dict.fromkeys(names)), MAX_INPUTS)  # HubSpot refuses a call that names one twice
