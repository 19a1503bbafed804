"""When to try again, and for how long to leave a portal alone."""

from __future__ import annotations

import pytest

from simulation_core.reasons import Reason
from simulation_worker.crm.fates import Postponed
from simulation_worker.retry import hold_ms, retry_after_ms


def postponed(wait_ms: int = 1_000, *, counts: bool = False) -> Postponed:
    return Postponed(reason=Reason.PORTAL_UNAVAILABLE, message="", wait_ms=wait_ms, counts_as_try=counts)


def test_nothing_postponed_needs_no_wait() -> None:
    assert retry_after_ms([], 0.5) == 0


def test_the_portals_own_wait_is_kept_to_the_millisecond() -> None:
    assert retry_after_ms([(postponed(10_000), 3), (postponed(4_000), 3)], 0.9) == 10_000
    assert retry_after_ms([(postponed(10_000), 0), (postponed(counts=True), 0)], 1.0) == 10_000


@pytest.mark.parametrize(
    ("tries", "milliseconds"), [(0, 1_000), (1, 4_000), (2, 16_000), (3, 64_000), (4, 256_000), (5, 300_000), (99, 300_000)]
)
def test_a_records_own_trouble_is_asked_about_less_and_less_often(tries: int, milliseconds: int) -> None:
    assert retry_after_ms([(postponed(counts=True), tries)], 0.0) == milliseconds
    assert milliseconds // 2 <= retry_after_ms([(postponed(counts=True), tries)], 1.0) <= milliseconds


def test_each_records_own_tries_count_and_the_longest_wait_is_the_batchs() -> None:
    assert retry_after_ms([(postponed(counts=True), 0), (postponed(counts=True), 2)], 0.0) == 16_000
    assert retry_after_ms([(postponed(counts=False), 5), (postponed(counts=True), 0)], 0.0) == 1_000


@pytest.mark.parametrize(
    ("reason", "asked_ms", "outages", "expected_ms"),
    [
        (Reason.PORTAL_THROTTLED, 10_000, 0, 10_000),
        (Reason.PORTAL_THROTTLED, 3_000, 7, 3_000),
        (Reason.CREDENTIAL_REJECTED, 30_000, 0, 30_000),
        (Reason.PORTAL_UNAVAILABLE, 1_000, 1, 1_000),
        (Reason.PORTAL_UNAVAILABLE, 1_000, 2, 2_000),
        (Reason.PORTAL_UNAVAILABLE, 1_000, 4, 8_000),
        (Reason.PORTAL_UNAVAILABLE, 1_000, 1_000, 30_000),
        (Reason.PORTAL_UNAVAILABLE, 60_000, 1, 60_000),
    ],
)
def test_how_long_a_portal_is_left_alone(reason: Reason, asked_ms: int, outages: int, expected_ms: int) -> None:
    assert hold_ms(reason, asked_ms, outages) == expected_ms
