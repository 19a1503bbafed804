"""What goes back over the wire, and HubSpot's way of saying no. Every refusal is an ApiError, so that handlers only describe success."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SCOPES_PAGE = "https://developers.hubspot.com/scopes"
AUTHENTICATION_PAGE = "https://developers.hubspot.com/docs/methods/auth/oauth-overview"


@dataclass(frozen=True)
class Answer:
    """Status, body and extra headers. A body that is a str goes out as HTML: that is how the edge in front of HubSpot answers."""

    status: int
    body: Json | str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """HubSpot refuses the call, or (in a batch with trace ids) one input of it."""

    def __init__(self, status: int, category: str, message: str, *, context: dict[str, list[str]] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.context = context or {}
        self.more = more
        self.headers: dict[str, str] = {}

    def answer(self) -> Answer:
        body: Json = {"status": "error", "message": self.message, "correlationId": str(uuid.uuid4()), "category": self.category}
        if self.context:
            body["context"] = self.context
        return Answer(self.status, body | self.more, self.headers)

    def as_error(self, context: dict[str, list[str]]) -> Json:
        """This refusal as one entry of a batch's `errors`; the context names the input."""
        context = self.context | context
        return {"status": "error", "category": self.category, "message": self.message, "context": context, "errors": [], "links": {}}


def invalid(message: str) -> ApiError:
    return ApiError(400, "VALIDATION_ERROR", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, "OBJECT_NOT_FOUND", message)


def conflict(message: str) -> ApiError:
    return ApiError(409, "CONFLICT", message)


def unauthenticated(message: str) -> ApiError:
    return ApiError(401, "INVALID_AUTHENTICATION", f"{message} You can find more details at {AUTHENTICATION_PAGE}")


def missing_scopes(scopes: tuple[str, ...]) -> ApiError:
    detail = {"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": list(scopes)}}
    message = f"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: {SCOPES_PAGE}."
    return ApiError(403, "MISSING_SCOPES", message, errors=[detail], links={"scopes": SCOPES_PAGE})


@dataclass(frozen=True)
class BadValue:
    """One property value HubSpot won't take."""

    name: str
    error: str
    message: str


def invalid_values(bad: list[BadValue]) -> ApiError:
    """HubSpot puts the details as JSON into the message itself, and again, readable by machine, into `errors`."""
    details = [{"isValid": False, "message": b.message, "error": b.error, "name": b.name, "localizedErrorMessage": b.message} for b in bad]
    errors = [{"message": b.message, "code": b.error, "context": {"propertyName": [b.name]}} for b in bad]
    message = f"Property values were not valid: {json.dumps(details, separators=(',', ':'))}"
    return ApiError(400, "VALIDATION_ERROR", message, errors=errors)


def rate_limited(policy: str, retry_after_seconds: int | None) -> Answer:
    """The 429 body is a shape of its own: `errorType` and `policyName`, no `category`. Retry-After may be missing."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
    return Answer(429, body, {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)})
