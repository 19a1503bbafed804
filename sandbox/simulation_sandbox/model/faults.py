"""What goes wrong with the next answers, on demand: slow, refused, cut off, beside the point, or none at all."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class FaultKind(enum.StrEnum):
    LATENCY = "latency"  # wait, then go on as usual
    REFUSAL = "refusal"  # the model declines, in the field meant for it
    FILTER = "filter"  # finish_reason content_filter, without content
    TRUNCATION = "truncation"  # finish_reason length: the JSON ends half-way
    PROSE = "prose"  # friendly words instead of JSON
    INVALID_JSON = "invalid_json"  # looks like JSON, and isn't
    WRONG_COUNT = "wrong_count"  # one record less than asked for
    MISSING_FIELD = "missing_field"  # the first record lacks its first text
    BAD_FIELD = "bad_field"  # the first record's first text is an address on the internet
    NO_USAGE = "no_usage"  # as usual, but the tokens aren't told
    STATUS = "status"  # an HTTP error
    HANG = "hang"  # takes the request and never answers
    DRIP = "drip"  # the answer comes a byte at a time
    RESET = "reset"  # the connection is reset


@dataclass(slots=True)
class Fault:
    id: int
    kind: FaultKind
    status: int = 500
    milliseconds: int = 0  # of latency, or between two drips
    times: int | None = 1  # None: until deleted
    retry_after_seconds: int | None = None
    taken: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind.value,
            "status": self.status,
            "milliseconds": self.milliseconds,
            "times": self.times,
            "retryAfterSeconds": self.retry_after_seconds,
            "taken": self.taken,
        }


class Faults:
    """Taken in the order they were asked for: any latencies, and one other a call."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._active: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._active)

    def add(self, wanted: Mapping[str, Any]) -> Fault:
        """Raises ValueError for what isn't a fault."""
        times, retry_after = wanted.get("times", 1), wanted.get("retryAfterSeconds")
        try:
            fault = Fault(
                id=next(self._ids),
                kind=FaultKind(wanted.get("kind", "")),
                status=int(wanted.get("status", 500)),
                milliseconds=int(wanted.get("milliseconds", 0)),
                times=None if times is None else int(times),
                retry_after_seconds=None if retry_after is None else int(retry_after),
            )
        except (TypeError, ValueError) as problem:
            raise ValueError(f"not a fault: {problem} (kind is one of {', '.join(FaultKind)}; the numbers are integers)") from problem
        self._active.append(fault)
        return fault

    def clear(self) -> None:
        self._active.clear()

    def take(self) -> list[Fault]:
        taken: list[Fault] = []
        for fault in list(self._active):
            if taken and taken[-1].kind is not FaultKind.LATENCY:
                break
            fault.taken += 1
            if fault.times is not None and fault.taken >= fault.times:
                self._active.remove(fault)
            taken.append(fault)
        return taken
