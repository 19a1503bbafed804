"""Why a record got Faker's words although a model's were wanted: a closed set, counted in metrics."""

from __future__ import annotations

import enum


class Cause(enum.StrEnum):
    REFUSED = "refused"  # the model, or a filter before it, declined
    TRUNCATED = "truncated"  # the answer ended before the record did
    NOT_JSON = "not_json"  # prose, or JSON that isn't any
    MISSING = "missing"  # the answer left the record out
    INVALID = "invalid"  # a field is missing, too long, or holds what it must not, such as an address
    UNAVAILABLE = "unavailable"  # no answer in time, a server error, or too many requests
    REJECTED = "rejected"  # the server doesn't take the key, the model's name or the request
    OVER_BUDGET = "over_budget"  # spec.content.maxTokens is used up
    LATE = "late"  # the record was due before its content was there
    NO_MODEL = "no_model"  # the worker has none (any more)
