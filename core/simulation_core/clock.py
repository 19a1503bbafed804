"""Times at the edge. Inside, a moment is an integer: milliseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now_ms() -> int:
    """This machine's clock. For display and logs; whether something is due is judged by Postgres's clock."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down. `moment` must carry a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone is ambiguous")
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso_ms(milliseconds: int) -> str:
    """ISO 8601 in UTC with exactly three decimals: 2026-12-01T08:00:00.000Z."""
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_seconds(milliseconds: int) -> str:
    """ISO 8601 in UTC, rounded down to the second: what Kubernetes prints."""
    return from_ms(milliseconds).isoformat(timespec="seconds").replace("+00:00", "Z")
