"""Milliseconds inside, ISO 8601 at the edge."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulation_core.clock import from_ms, iso_ms, iso_seconds, to_ms


def test_a_moment_survives_the_way_in_and_out() -> None:
    moment = datetime(2026, 12, 1, 8, 0, 0, 123_000, tzinfo=UTC)
    assert from_ms(to_ms(moment)) == moment


def test_zones_are_left_at_the_edge() -> None:
    berlin_winter = timezone(timedelta(hours=1))
    assert to_ms(datetime(2026, 12, 1, 9, tzinfo=berlin_winter)) == to_ms(datetime(2026, 12, 1, 8, tzinfo=UTC))


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_ms(datetime(2026, 12, 1, tzinfo=UTC).replace(tzinfo=None))


def test_printing_rounds_down() -> None:
    assert iso_ms(1_796_112_000_000) == "2026-12-01T08:00:00.000Z"
    assert iso_seconds(1_796_112_000_999) == "2026-12-01T08:00:00Z"
