"""How fast calls may follow each other, from what HubSpot allows in ten seconds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulation_core.portals import TIERS, Portal

WINDOW_MS = 10_000
BURST_SHARE = 0.08  # of the limit: 15 of HubSpot's 190
SLACK_SHARE = 0.026  # kept free: a call may be counted a little later than it was sent. 190 become 15 at once and 17 a second
ERRANDS_SHARE = 0.25  # of the limit, while deliveries are going on
FINDING_SHARE, LEAST_FINDING = 0.1, 10  # of the limit, and calls in ten seconds


@dataclass(frozen=True)
class Limit:
    """GCRA: burst + window × rate ≤ the limit, so that no window holds more than it.

    (A bucket of the whole limit that refills at limit/10 would let nearly twice the limit through in its first ten seconds.)
    """

    calls: float
    window_ms: int = WINDOW_MS

    @property
    def finding(self) -> Limit:
        """Of it what may go into finding out by which record a call was refused."""
        return Limit(max(LEAST_FINDING, self.calls * FINDING_SHARE))

    @property
    def errands(self) -> Limit:
        """Of it what errands take beside deliveries."""
        return Limit(self.calls * ERRANDS_SHARE)

    @property
    def burst(self) -> int:
        return max(1, int(self.calls * BURST_SHARE))

    @property
    def spacing_us(self) -> float:
        """Between two calls at the even rate."""
        return self.window_ms * 1000 / max(self.calls * (1 - SLACK_SHARE) - self.burst, 1)

    @property
    def tolerance_us(self) -> float:
        """How far ahead of the even rate a burst may be."""
        return (self.burst - 1) * self.spacing_us

    @property
    def lateness_s(self) -> float:
        """How long after its moment a call may still begin: as long as a burst lasts, and what is kept free.

        So ten seconds hold the calls of (10 + lateness) seconds' moments at most, which is the limit. A moment that is older is lost: all
        that a slow HubSpot left over would be called at once, on top of a burst.
        """
        return (self.tolerance_us + SLACK_SHARE * self.calls * self.spacing_us) / 1e6


SEARCHES = Limit(5, window_ms=1_000)  # of all apps of an account: one by one, for a burst would go beyond it in its second


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the headers of an answer say. None: nothing."""

    per_ten_seconds: float | None = None
    per_day: int | None = None
    left_today: int | None = None


def read_headers(headers: Mapping[str, str]) -> Told:
    """Answers of the search have none of them, and proxies may drop them."""
    most, interval_ms = _number(headers, "Max"), _number(headers, "Interval-Milliseconds")
    return Told(
        per_ten_seconds=most * WINDOW_MS / interval_ms if most and interval_ms else None,
        per_day=_number(headers, "Daily") or None,
        left_today=_number(headers, "Daily-Remaining"),
    )


def ten_seconds(portal: Portal, told: float | None) -> Limit:
    """What HubSpot says counts, except above what an administrator set by hand: who shares an account asks for less than it allows."""
    return Limit(_effective(portal.calls_per_ten_seconds, TIERS[portal.tier][0], told))


def day(portal: Portal, told: int | None) -> int:
    return int(_effective(portal.calls_per_day, TIERS[portal.tier][1], told))


def _effective(configured: float, of_tier: float, told: float | None) -> float:
    if told is None:
        return configured
    return told if configured == of_tier else min(configured, told)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(f"X-HubSpot-RateLimit-{name}", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
