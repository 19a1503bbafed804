"""Feasible means that the batches the plan really has fit the portal's limits."""

from dataclasses import replace

import pytest

from simulation_core.plan.feasibility import Load, feasible
from simulation_core.portals import Portal

PORTAL = Portal(name="default", calls_per_ten_seconds=190, calls_per_day=250_000, allowed_namespaces=("*",))
HOUR = Load(scenario="B2B", records=3_600, window_ms=3_600_000, tolerance_ms=1_000, peak_per_minute=60)


def test_a_stream_of_one_a_second_fits() -> None:
    verdict = feasible(HOUR, PORTAL)
    assert verdict.holds
    assert "up to 30 of the portal's 190 calls" in verdict.message


def test_a_tolerance_of_zero_gives_each_record_calls_of_its_own() -> None:
    fifteen_seconds = Load(scenario="B2B", records=600, window_ms=15_000, tolerance_ms=0, peak_per_minute=600)
    verdict = feasible(fifteen_seconds, PORTAL)
    assert not verdict.holds
    assert "need up to 1200 calls" in verdict.message
    assert feasible(replace(fifteen_seconds, tolerance_ms=1_000), PORTAL).holds


@pytest.mark.parametrize("scenario", ["B2B", "B2C"])
def test_full_batches_are_the_best_that_a_tolerance_can_do(scenario: str) -> None:
    million = Load(scenario=scenario, records=1_000_000, window_ms=1_000_000, tolerance_ms=1_000, peak_per_minute=60_000)
    assert million.peak_calls == (10 + 100) * {"B2B": 3, "B2C": 1}[scenario]


def test_the_daily_limit_counts_too() -> None:
    year = Load(scenario="B2B", records=10_000_000, window_ms=31_536_000_000, tolerance_ms=0, peak_per_minute=20)
    assert year.calls_a_day == 20 * 1440 * 3
    assert feasible(year, PORTAL).holds
    assert "fullest day" in feasible(year, replace_daily(PORTAL, 86_000)).message


def replace_daily(portal: Portal, calls: int) -> Portal:
    return portal.model_copy(update={"calls_per_day": calls})
