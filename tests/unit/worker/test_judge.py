"""Every answer HubSpot or the network can give, and what is done about it."""

from __future__ import annotations

from typing import Any

import pytest

from simulation_core.reasons import Reason
from simulation_worker.crm.answers import NO_ANSWER, Answer, parse_body, parse_retry_after_ms
from simulation_worker.crm.fates import Postponed, Rejected
from simulation_worker.crm.inputs import Object
from simulation_worker.crm.judge import Ruling, judge
from simulation_worker.crm.reading import read_upsert


def answer(status: int, *, retry_after_ms: int | None = None, **body: Any) -> Answer:
    return Answer(status=status, body=body, retry_after_ms=retry_after_ms)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_any_2xx_is_done_whatever_the_documents_say(status: int) -> None:
    assert judge(answer(status)).ruling is Ruling.DONE


@pytest.mark.parametrize(
    ("given", "ruling", "reason", "wait_ms", "counts"),
    [
        (Answer(status=NO_ANSWER, broken="reset"), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(401), Ruling.STOP, Reason.CREDENTIAL_REJECTED, 30_000, False),
        (answer(403, category="MISSING_SCOPES"), Ruling.STOP, Reason.SCOPE_MISSING, 30_000, False),
        (answer(403), Ruling.STOP, Reason.CREDENTIAL_REJECTED, 30_000, False),
        (answer(409), Ruling.AGAIN, Reason.RECORD_REJECTED, 0, False),
        (answer(423), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 2_000, False),
        (answer(429), Ruling.LATER, Reason.PORTAL_THROTTLED, 10_000, False),
        (answer(429, policyName="TEN_SECONDLY_ROLLING", retry_after_ms=3_000), Ruling.LATER, Reason.PORTAL_THROTTLED, 3_000, False),
        (answer(429, policyName="DAILY"), Ruling.LATER, Reason.DAILY_LIMIT_REACHED, 900_000, False),
        (answer(477, retry_after_ms=5_000), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 5_000, False),
        (answer(477), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 60_000, False),
        (answer(500), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, True),
        (answer(502), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(503, retry_after_ms=4_000), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 4_000, False),
        (answer(504), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(524), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(408), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(302), Ruling.LATER, Reason.PORTAL_UNAVAILABLE, 1_000, False),
        (answer(400), Ruling.ISOLATE, Reason.RECORD_REJECTED, 0, False),
        (answer(404), Ruling.ISOLATE, Reason.RECORD_REJECTED, 0, False),
        (answer(422), Ruling.ISOLATE, Reason.RECORD_REJECTED, 0, False),
    ],
)
def test_the_table(given: Answer, ruling: Ruling, reason: Reason, wait_ms: int, counts: bool) -> None:
    verdict = judge(given)
    assert (verdict.ruling, verdict.reason, verdict.wait_ms, verdict.counts_as_try) == (ruling, reason, wait_ms, counts)


@pytest.mark.parametrize(
    ("status", "policy", "most_ms"),
    [
        (429, "TEN_SECONDLY_ROLLING", 60_000),
        (429, None, 60_000),
        (429, "DAILY", 25 * 3_600_000),
        (477, None, 25 * 3_600_000),
        (423, None, 60_000),
        (503, None, 600_000),
        (408, None, 600_000),
    ],
)
def test_nobody_is_trusted_with_a_pause_that_makes_no_sense(status: int, policy: str | None, most_ms: int) -> None:
    assert judge(answer(status, retry_after_ms=10**12, policyName=policy)).wait_ms == most_ms
    assert judge(answer(status, retry_after_ms=most_ms - 1_000, policyName=policy)).wait_ms == most_ms - 1_000


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_gets_a_verdict_and_only_2xx_is_a_success(status: int) -> None:
    verdict = judge(answer(status))
    assert (verdict.ruling is Ruling.DONE) == (200 <= status < 300)
    assert verdict.ruling is not Ruling.LATER or verdict.wait_ms > 0


@pytest.mark.parametrize(
    ("category", "fate"),
    [
        ("VALIDATION_ERROR", None),
        (None, None),
        ("INTERNAL_ERROR", (Reason.RETRIES_EXHAUSTED, 1_000, True)),
        ("CONFLICT", (Reason.RETRIES_EXHAUSTED, 1_000, True)),
        ("RATE_LIMITS", (Reason.PORTAL_THROTTLED, 10_000, False)),  # as a 429, which is never a try
        ("LOCKED", (Reason.RECORDS_LATE, 2_000, False)),  # as a 423
    ],
)
def test_a_records_own_error_in_a_207(category: str | None, fate: tuple[Reason, int, bool] | None) -> None:
    key = "00000000-0000-0000-0000-000000000001-0-c"
    body = {"errors": [{"category": category, "message": "no", "context": {"objectWriteTraceId": [key]}}]}
    found = read_upsert([Object(key, {})], Answer(status=207, body=body))[key]
    if fate is None:
        assert isinstance(found, Rejected)
    else:
        assert isinstance(found, Postponed)
        assert (found.reason, found.wait_ms, found.counts_as_try) == fate


def test_bodies_of_any_kind_can_be_asked() -> None:
    html = Answer(status=502, body=parse_body("<html>error</html>"))
    assert (html.message, html.category, html.results, html.errors) == ("HubSpot answered 502", "", [], [])
    odd = Answer(status=400, body={"message": 7, "results": ["x"], "errors": None, "correlationId": ""})
    assert (odd.message, odd.results, odd.errors, odd.correlation_id) == ("HubSpot answered 400", [], [], None)


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        ("3", 3_000),
        (" 12 ", 12_000),
        (None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("²", None),
        ("9" * 5_000, None),  # more digits than Python turns into a number
    ],
)
def test_retry_after(header: str | None, milliseconds: int | None) -> None:
    assert parse_retry_after_ms(header) == milliseconds
