"""The sandbox's HubSpot emulator as a process of its own, without limits, and what it says it was sent."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from simulation_bench import portals
from simulation_bench.processes import running
from simulation_sandbox.ports import free_port

A_PAGE = 10_000
NO_LIMIT = 1_000_000_000
START_SECONDS = 15
LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A contact in the CRM."""

    key: str
    created_ms: int  # by the emulator's clock, since the epoch
    writes: int  # 1: written once


class Emulator:
    def __init__(self, url: str) -> None:
        self.url = url

    def lift_limits(self) -> None:
        limits = {"token": portals.TOKEN, "callsPerTenSeconds": NO_LIMIT, "callsPerDay": NO_LIMIT}
        httpx.post(f"{self.url}/_emulator/accounts", json=limits).raise_for_status()

    def contacts(self) -> Sequence[Arrival]:
        """All of them, in the order of their creation. It answers nothing else meanwhile: ask when it is over."""
        found: list[Arrival] = []
        after: str | None = "0"
        while after is not None:
            answer = httpx.get(f"{self.url}/_emulator/objects/contacts", params={"limit": A_PAGE, "after": after}, timeout=60)
            page: Any = answer.raise_for_status().json()
            found += [_arrival(seen) for seen in page["results"]]
            after = page["next"]
        return found


@contextmanager
def emulator() -> Iterator[Emulator]:
    """It answers, and lets everything through."""
    port = free_port()
    command = (sys.executable, "-m", "simulation_sandbox.main", "hubspot", "--port", str(port))
    with running(command, stdout=subprocess.DEVNULL):
        made = Emulator(f"http://127.0.0.1:{port}")
        until_s = time.monotonic() + START_SECONDS
        while True:
            try:
                made.lift_limits()
                break
            except httpx.TransportError:
                if time.monotonic() > until_s:
                    raise
                time.sleep(LOOK_SECONDS)
        yield made


def _arrival(seen: Any) -> Arrival:
    created = datetime.fromisoformat(seen["createdAt"])
    return Arrival(key=seen["properties"]["simulation_key"], created_ms=round(created.timestamp() * 1000), writes=seen["writes"])
