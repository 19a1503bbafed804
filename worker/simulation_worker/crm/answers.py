"""What came back from one call, or that nothing did: one value, so that what to do about it is a pure function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation_core.reasons import Reason

NO_ANSWER = 0
MOST_DIGITS = 10  # of seconds


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One call's end. `broken` says what happened where no answer came: the write may or may not have been done."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)  # empty where it was no JSON object (the edge answers in HTML)
    retry_after_ms: int | None = None
    broken: str | None = None

    @property
    def category(self) -> str:
        """HubSpot's word for the refusal; its 429 has it under another name."""
        return _text(self.body.get("category") or self.body.get("errorType"))

    @property
    def policy(self) -> str:
        return _text(self.body.get("policyName"))

    @property
    def correlation_id(self) -> str | None:
        return _text(self.body.get("correlationId")) or None

    @property
    def message(self) -> str:
        return _text(self.body.get("message")) or self.broken or f"HubSpot answered {self.status}"

    @property
    def results(self) -> list[Mapping[str, Any]]:
        return [each for each in self.body.get("results") or () if isinstance(each, Mapping)]

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        return [each for each in self.body.get("errors") or () if isinstance(each, Mapping)]


def explained(reason: Reason, answer: Answer) -> str:
    """What an answer means and what to do, for people who don't know HubSpot's words by heart; then those words, for those who do."""
    words = answer.message.rstrip()
    return f"{reason.meaning} {'No complete answer came' if answer.status == NO_ANSWER else 'HubSpot says'}: {words}"


def parse_body(text: str | None) -> Mapping[str, Any]:
    try:
        body = json.loads(text or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def parse_retry_after_ms(header: str | None) -> int | None:
    """HubSpot gives whole seconds. A date, which HTTP allows too, counts as nothing said, as does what no clock can count."""
    seconds = (header or "").strip()
    return int(seconds) * 1000 if seconds.isascii() and seconds.isdigit() and len(seconds) < MOST_DIGITS else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
