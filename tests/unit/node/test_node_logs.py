"""Which part of a log is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulation_sandbox.node.log_server import wanted

NOW = datetime(2026, 12, 1, 8, 10, tzinfo=UTC)
STAMPED = b"time=2026-12-01T08:00:00.000Z one\nTraceback\ntime=2026-12-01T08:09:30.000Z two\n  of two\n"
PLAIN = b"one\ntwo\n"


@pytest.mark.parametrize(
    ("text", "query", "left"),
    [
        (STAMPED, {}, STAMPED),
        (STAMPED, {"sinceSeconds": "60"}, b"time=2026-12-01T08:09:30.000Z two\n  of two\n"),
        (STAMPED, {"sinceSeconds": "60", "tailLines": "1"}, b"  of two\n"),
        (STAMPED, {"sinceSeconds": "1"}, b""),
        (PLAIN, {"sinceSeconds": "1"}, PLAIN),
        (PLAIN, {"tailLines": "0"}, b""),
        (PLAIN, {"tailLines": "9"}, PLAIN),
    ],
)
def test_lines_count_by_their_own_time_and_by_their_number(text: bytes, query: dict[str, str], left: bytes) -> None:
    assert wanted(text, query, now=NOW) == left
