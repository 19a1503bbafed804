"""The sandbox's HubSpot emulator as a process of its own: its limits and faults, and what it says it was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from simulation_bench import portals
from simulation_bench.processes import serving

KEY = "simulation_key"
A_PAGE = 10_000
NO_LIMIT = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A contact in the CRM."""

    key: str
    created_ms: int  # by the emulator's clock, since the epoch
    writes: int  # 1: written once


class Emulator:
    """It answers nothing else while it is asked for all it holds: ask when it is over."""

    def __init__(self, url: str) -> None:
        self.url = url

    def limit(self, portal: str, calls_per_ten_seconds: int) -> None:
        """All portals' apps open one account."""
        limits = {"token": portals.token(portal), "callsPerTenSeconds": calls_per_ten_seconds, "callsPerDay": NO_LIMIT}
        httpx.post(f"{self.url}/_emulator/accounts", json=limits).raise_for_status()

    def add_fault(self, fault: Mapping[str, object]) -> None:
        """As /_emulator/faults takes it, until the end."""
        httpx.post(f"{self.url}/_emulator/faults", json={**fault, "times": None}).raise_for_status()

    def add_faults(self, mix: Mapping[str, object]) -> None:
        """As /_emulator/faults/mix takes it, until the end."""
        httpx.post(f"{self.url}/_emulator/faults/mix", json=mix).raise_for_status()

    def add_key_property(self, *, unique: bool) -> None:
        """For those that write without the product, which makes its own."""
        for object_type in ("companies", "contacts"):
            properties = f"{self.url}/crm/v3/properties/{object_type}"
            wanted = {"name": KEY, "label": KEY, "groupName": KEY, "type": "string", "fieldType": "text", "hasUniqueValue": unique}
            for path, body in ((f"{properties}/groups", {"name": KEY, "label": KEY}), (properties, wanted)):
                httpx.post(path, json=body, headers={"Authorization": f"Bearer {portals.TOKEN}"}).raise_for_status()

    def hits(self) -> Mapping[str, int]:
        """How many calls met each kind of fault of the mix."""
        (mix,) = self._asked("faults")["results"]
        taken: Mapping[str, int] = mix["taken"]
        return taken

    def calls_by_status(self) -> Counter[int]:
        """Status 0: nobody got an answer."""
        calls: Counter[int] = Counter()
        for each in self._asked("summary")["calls"]["byPath"]:
            calls[each["status"]] += each["count"]
        return calls

    def contacts(self) -> Sequence[Arrival]:
        """All of them, in the order of their creation."""
        return [_arrival(seen) for seen in self._all("contacts")]

    def keys(self, object_type: str) -> Mapping[str, str]:
        """Of all objects of this type, by their ids; "" where one has none."""
        return {seen["id"]: seen["properties"].get(KEY) or "" for seen in self._all(object_type)}

    def joined(self) -> Sequence[tuple[str, str]]:
        """The ids of each company and contact that are associated."""
        return [(pair["from"], pair["to"]) for pair in self._asked("associations", **{"from": "companies", "to": "contacts"})["results"]]

    def _all(self, object_type: str) -> Iterator[Any]:
        after: str | None = "0"
        while after is not None:
            page = self._asked(f"objects/{object_type}", limit=A_PAGE, after=after)
            yield from page["results"]
            after = page["next"]

    def _asked(self, path: str, **query: Any) -> Any:
        return httpx.get(f"{self.url}/_emulator/{path}", params=query, timeout=60).raise_for_status().json()


@contextmanager
def emulator(calls_per_ten_seconds: int = NO_LIMIT, *, names: Sequence[str] = (portals.PORTAL,)) -> Iterator[Emulator]:
    """It answers, and these portals have this limit each."""

    def limit(url: str) -> None:
        for name in names:
            Emulator(url).limit(name, calls_per_ten_seconds)

    with serving("hubspot", limit) as url:
        yield Emulator(url)


def _arrival(seen: Any) -> Arrival:
    created = datetime.fromisoformat(seen["createdAt"])
    return Arrival(key=seen["properties"][KEY], created_ms=round(created.timestamp() * 1000), writes=seen["writes"])
