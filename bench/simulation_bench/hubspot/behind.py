"""What both sides stand behind, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

CALLS_PER_TEN_SECONDS = 190  # HubSpot's professional tier
CALL_MS = 100
LATENCY = {"kind": "latency", "milliseconds": CALL_MS, "percent": 100}  # of each call


@dataclass(frozen=True, kw_only=True)
class Span:
    """Of a round: the seconds that don't count, in which a full bucket is spent, and those that do."""

    warm_up_s: int
    measured_s: int

    @property
    def seconds(self) -> int:
        return self.warm_up_s + self.measured_s

    def within(self, start_ms: float) -> tuple[float, float]:
        """What counts of a round whose first record was due then."""
        return start_ms + self.warm_up_s * 1000, start_ms + self.seconds * 1000
