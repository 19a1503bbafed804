"""What an answer means. A table, read from the top: the first row that fits decides. Pure, so that every row is a test."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulation_core.reasons import Reason
from simulation_worker.crm.answers import NO_ANSWER, Answer


class Ruling(enum.Enum):
    DONE = "done; a 207 names the records that failed"
    AGAIN = "call once more, then isolate"
    ISOLATE = "a record of the batch is refused: halve the batch until only that one fails"
    LATER = "the whole batch another time"
    STOP = "nothing more for this portal until somebody acts"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    ruling: Ruling
    reason: Reason | None = None
    wait_ms: int = 0  # with LATER and STOP: how long the portal is left alone
    counts_as_try: bool = False  # with LATER: towards retries.limit, because it may be the records' own fault


TEN_SECONDS_MS = 10_000
LOCKED_MS = 2_000
MOVING_MS = 60_000
DAILY_MS = 15 * 60_000  # HubSpot doesn't say when the account's midnight is: look again now and then
BROKEN_MS = 1_000
STOP_MS = 30_000

# Longer than this no answer of its kind can mean: a proxy's mistake must not shut a portal for hours.
MOST_THROTTLED_MS = 60_000
MOST_BROKEN_MS = 10 * 60_000
MOST_DAY_MS = 25 * 3_600_000  # a day's limit, or a move between data centres, which HubSpot says takes up to a day


def _waiting(reason: Reason, least_ms: int, most_ms: int) -> Callable[[Answer], Verdict]:
    """For as long as HubSpot says, within what makes sense; where it says nothing, for the least."""
    return lambda answer: Verdict(ruling=Ruling.LATER, reason=reason, wait_ms=min(answer.retry_after_ms or least_ms, most_ms))


def _always(verdict: Verdict) -> Callable[[Answer], Verdict]:
    return lambda _: verdict


def _status(*statuses: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status in statuses


@dataclass(frozen=True)
class Row:
    fits: Callable[[Answer], bool]
    verdict: Callable[[Answer], Verdict]


TABLE = (
    Row(lambda a: 200 <= a.status < 300, _always(Verdict(ruling=Ruling.DONE))),
    # nobody answered: refused, reset, or our deadline passed. Upserts may be repeated, so it doesn't matter whether the write was done
    Row(_status(NO_ANSWER), _waiting(Reason.PORTAL_UNAVAILABLE, BROKEN_MS, MOST_BROKEN_MS)),
    Row(_status(401), _always(Verdict(ruling=Ruling.STOP, reason=Reason.CREDENTIAL_REJECTED, wait_ms=STOP_MS))),
    Row(
        lambda a: a.status == 403 and a.category == "MISSING_SCOPES",
        _always(Verdict(ruling=Ruling.STOP, reason=Reason.SCOPE_MISSING, wait_ms=STOP_MS)),
    ),
    Row(_status(403), _always(Verdict(ruling=Ruling.STOP, reason=Reason.CREDENTIAL_REJECTED, wait_ms=STOP_MS))),
    Row(_status(409), _always(Verdict(ruling=Ruling.AGAIN, reason=Reason.RECORD_REJECTED))),
    Row(_status(423), _waiting(Reason.PORTAL_UNAVAILABLE, LOCKED_MS, MOST_THROTTLED_MS)),
    Row(lambda a: a.status == 429 and a.policy == "DAILY", _waiting(Reason.DAILY_LIMIT_REACHED, DAILY_MS, MOST_DAY_MS)),
    Row(_status(429), _waiting(Reason.PORTAL_THROTTLED, TEN_SECONDS_MS, MOST_THROTTLED_MS)),
    Row(_status(477), _waiting(Reason.PORTAL_UNAVAILABLE, MOVING_MS, MOST_DAY_MS)),
    # a bare 500 may come from the records themselves and would come for ever: it counts
    Row(
        _status(500),
        _always(Verdict(ruling=Ruling.LATER, reason=Reason.PORTAL_UNAVAILABLE, wait_ms=BROKEN_MS, counts_as_try=True)),
    ),
    # the edge in front of HubSpot (502 to 504, 52x), a request that took it too long (408), and redirects to an error page
    Row(
        lambda a: a.status >= 501 or a.status == 408 or 300 <= a.status < 400,
        _waiting(Reason.PORTAL_UNAVAILABLE, BROKEN_MS, MOST_BROKEN_MS),
    ),
    Row(lambda a: 400 <= a.status < 500, _always(Verdict(ruling=Ruling.ISOLATE, reason=Reason.RECORD_REJECTED))),
)


def judge(answer: Answer) -> Verdict:
    """What to do about `answer`. An answer no row fits (1xx) counts as none."""
    for row in TABLE:
        if row.fits(answer):
            return row.verdict(answer)
    return Verdict(ruling=Ruling.LATER, reason=Reason.PORTAL_UNAVAILABLE, wait_ms=BROKEN_MS)


_AGAIN = Verdict(ruling=Ruling.LATER, reason=Reason.RETRIES_EXHAUSTED, wait_ms=BROKEN_MS, counts_as_try=True)

# In a 207 each failed record has a category of its own; these say that another try may succeed. What is another's doing is no try of it.
PASSING_CATEGORIES = {
    "RATE_LIMITS": Verdict(ruling=Ruling.LATER, reason=Reason.PORTAL_THROTTLED, wait_ms=TEN_SECONDS_MS),
    "LOCKED": Verdict(
        ruling=Ruling.LATER, reason=Reason.RECORDS_LATE, wait_ms=LOCKED_MS
    ),  # this record alone: no reason to hold the portal
    "CONFLICT": _AGAIN,
    "INTERNAL_ERROR": _AGAIN,
    "SERVICE_UNAVAILABLE": _AGAIN,
    "TIMEOUT": _AGAIN,
}


def judge_error(error: Mapping[str, Any]) -> Verdict | None:
    """When a record's own error in a 207 is worth another try; None: it is rejected."""
    return PASSING_CATEGORIES.get(str(error.get("category")))


def is_about_a_property(refusal: Mapping[str, Any]) -> bool:
    """Whether a refusal, of a call or of one record in a 207, says that the portal lacks a property: all records need it alike."""
    codes = {refusal.get("code"), *(error.get("code") for error in refusal.get("errors") or () if isinstance(error, Mapping))}
    message = str(refusal.get("message"))
    return "PROPERTY_DOESNT_EXIST" in codes or "PROPERTY_DOESNT_EXIST" in message or "unique identifier property" in message
