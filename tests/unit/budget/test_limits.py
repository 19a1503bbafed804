"""How fast calls may follow each other, and what HubSpot's headers change in that."""

from __future__ import annotations

import pytest

from simulation_core.portals import Portal
from simulation_worker.budget.limits import SEARCHES, Limit, Told, day, read_headers, ten_seconds


def portal(**given: object) -> Portal:
    return Portal.model_validate({"name": "default", "allowedNamespaces": ["*"], **given})


def test_hubspots_190_are_15_at_once_and_17_a_second() -> None:
    limit = Limit(190)
    assert limit.burst == 15
    assert 1e6 / limit.spacing_us == pytest.approx(17, abs=0.05)


@pytest.mark.parametrize("calls", [20, 100, 190, 250, 10_000])
def test_a_burst_and_ten_seconds_at_the_even_rate_leave_some_of_the_limit_free(calls: int) -> None:
    limit = Limit(calls)
    assert 0.95 * calls < limit.burst + 10e6 / limit.spacing_us < calls


def test_no_second_holds_more_searches_than_hubspot_takes() -> None:
    """Whoever draws as fast as the budget lets them, after a pause in which a burst could gather."""
    tat_us, moment_us, moments_us = 0.0, 100e6, []
    for _ in range(40):
        tat_us = max(tat_us, moment_us)
        moment_us = max(moment_us, tat_us - SEARCHES.tolerance_us)
        tat_us += SEARCHES.spacing_us
        moments_us.append(moment_us)
    assert max(sum(start <= moment <= start + 1e6 for moment in moments_us) for start in moments_us) < 5
    assert moments_us[-1] - moments_us[0] < 40 * 300_000  # and it isn't much slower than it may be


def headers(**given: int) -> dict[str, str]:
    return {f"X-HubSpot-RateLimit-{name.replace('_', '-')}": str(value) for name, value in given.items()}


def test_headers_are_read() -> None:
    told = read_headers(headers(Max=100, Interval_Milliseconds=5_000, Daily=250_000, Daily_Remaining=0))
    assert told == Told(per_ten_seconds=200, per_day=250_000, left_today=0)


@pytest.mark.parametrize("value", ["", "many", "-1", "1.5", "²", "9" * 40])
def test_a_header_that_makes_no_sense_is_none(value: str) -> None:
    assert read_headers({"X-HubSpot-RateLimit-Max": value, "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}) == Told()


def test_an_interval_of_nothing_is_no_limit() -> None:
    assert read_headers(headers(Max=100, Interval_Milliseconds=0)).per_ten_seconds is None


def test_what_hubspot_says_replaces_what_the_tier_says() -> None:
    assert ten_seconds(portal(tier="professional"), None) == Limit(190)
    assert ten_seconds(portal(tier="professional"), 250) == Limit(250)
    assert ten_seconds(portal(tier="professional"), 100) == Limit(100)
    assert day(portal(tier="free"), 1_000_000) == 1_000_000


def test_what_an_administrator_set_is_never_exceeded() -> None:
    shared = portal(tier="professional", callsPerTenSeconds=40, callsPerDay=1_000)
    assert ten_seconds(shared, 190) == Limit(40)
    assert ten_seconds(shared, 20) == Limit(20)
    assert (day(shared, 625_000), day(shared, None)) == (1_000, 1_000)
