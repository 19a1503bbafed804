"""What is planned to arrive, told by whoever starts a run, beside what arrived: for the page."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from simulation_core.clock import iso_ms, to_ms
from simulation_sandbox.hubspot.answers import Json, invalid
from simulation_sandbox.hubspot.object_types import object_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation_sandbox.hubspot.accounts import Account

MAX_SLICES = 1_000


class Plan:
    """`counts`: how many records are due in each of as many equal slices of the time from start to end."""

    def __init__(self, wanted: Any) -> None:
        """{start, end, counts, objectType, simulationId, name}; raises invalid() for what is no plan."""
        given = wanted if isinstance(wanted, dict) else {}
        self.start_ms, self.end_ms = _moment_ms(given.get("start"), "start"), _moment_ms(given.get("end"), "end")
        counts = given.get("counts")
        if not isinstance(counts, list) or not 0 < len(counts) <= MAX_SLICES or not all(type(n) is int and n >= 0 for n in counts):
            raise invalid(f"counts is a list of 1 to {MAX_SLICES} numbers: the records due in each slice of the time from start to end")
        if self.end_ms <= self.start_ms:
            raise invalid("end must be after start")
        self.counts: list[int] = counts
        self.type_name = object_type(str(given.get("objectType", "companies"))).name
        self.simulation_id: str | None = given.get("simulationId")
        self.name = str(given.get("name", ""))
        self._arrived = [0] * len(counts)  # by slice; what is later than the end is in none
        self._arrived_in_all = 0
        self._seen = 0  # the newest record looked at: ids only grow

    def as_json(self, accounts: Iterable[Account], now_ms: int) -> Json:
        """Cumulated by slice; what arrived, only up to now."""
        self._read_on(accounts)
        passed = min(len(self.counts), self._slice(now_ms) + 1) if now_ms >= self.start_ms else 0
        return {
            "name": self.name,
            "objectType": self.type_name,
            "start": iso_ms(self.start_ms),
            "end": iso_ms(self.end_ms),
            "now": iso_ms(now_ms),
            "total": sum(self.counts),
            "due": self._due(now_ms),
            "delivered": self._arrived_in_all,
            "plannedBySlice": list(accumulate(self.counts)),
            "deliveredBySlice": list(accumulate(self._arrived))[:passed],
        }

    def _slice(self, moment_ms: int) -> int:
        """Before the start: the first one; after the end: one behind the last."""
        return max(0, min(len(self.counts), (moment_ms - self.start_ms) * len(self.counts) // (self.end_ms - self.start_ms)))

    def _due(self, now_ms: int) -> int:
        """Evenly within the slice we are in."""
        now = self._slice(now_ms)
        if now_ms <= self.start_ms or now == len(self.counts):
            return sum(self.counts[:now])
        slice_ms = (self.end_ms - self.start_ms) / len(self.counts)
        share = (now_ms - self.start_ms) / slice_ms - now
        return sum(self.counts[:now]) + int(self.counts[now] * share)

    def _read_on(self, accounts: Iterable[Account]) -> None:
        """The records created since the last look, newest first."""
        newest = self._seen
        for account in accounts:
            for record in reversed(account.objects[self.type_name].live.values()):
                if int(record.id) <= self._seen:
                    break
                newest = max(newest, int(record.id))
                if self._is_ours(record.properties.get("simulation_id"), record.created_ms):
                    self._arrived_in_all += 1
                    if (number := self._slice(record.created_ms)) < len(self.counts):
                        self._arrived[number] += 1
        self._seen = newest

    def _is_ours(self, simulation_id: str | None, created_ms: int) -> bool:
        return created_ms >= self.start_ms if self.simulation_id is None else simulation_id == self.simulation_id


def _moment_ms(given: Any, name: str) -> int:
    """Milliseconds since 1970, or ISO 8601."""
    if type(given) is int:
        return given
    try:
        moment = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be milliseconds since 1970 or a time such as 2026-12-01T09:00:00Z, not {given!r}") from None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
