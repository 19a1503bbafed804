"""How fast records arrived, and how HubSpot answered meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TOO_MANY = 429


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """One round. `calls`: of all of it, by the status they were answered with; 0 is no answer."""

    records_per_s: float
    calls: Mapping[int, int]

    @property
    def percent_429(self) -> float:
        return 100 * self.calls.get(TOO_MANY, 0) / sum(self.calls.values())

    @property
    def said(self) -> str:
        by_status = ", ".join(f"{count:,} × {status or 'no answer'}" for status, count in sorted(self.calls.items()))
        return f"{self.records_per_s:.4g} records/s; calls: {by_status}"


def sustained(moments_ms: Sequence[float], from_ms: float, until_ms: float) -> float:
    """Records a second, from the first to the last moment of these that lies within the time.

    Many arrive in one moment. Divided by the whole time, those just outside of it would weigh as much as how fast the others were. Raises
    ValueError where fewer than two moments lie within.
    """
    within = [moment_ms for moment_ms in moments_ms if from_ms <= moment_ms < until_ms]
    first_ms, last_ms = min(within, default=0.0), max(within, default=0.0)
    if first_ms == last_ms:
        raise ValueError(f"{len(within)} records arrived in {(until_ms - from_ms) / 1000:.0f} s, and at one moment: no rate")
    return 1000 * sum(moment_ms > first_ms for moment_ms in within) / (last_ms - first_ms)
