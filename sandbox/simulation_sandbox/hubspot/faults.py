"""Faults on demand: the next calls whose path matches are slowed, refused, answered by nobody, or cut off."""

from __future__ import annotations

import enum
import itertools
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from simulation_sandbox.hubspot.answers import Answer, Json, invalid, rate_limited
from simulation_sandbox.hubspot.limits import TEN_SECONDLY


class FaultKind(enum.StrEnum):
    LATENCY = "latency"  # wait, then go on as usual
    STATUS = "status"  # refuse without doing anything
    ECHO = "echo"  # refuse without doing anything, and repeat the call's credential, as a careless proxy does
    LOSE_RESPONSE = "lose_response"  # do the work, then close the connection without a word
    LATE_WRITE = "late_write"  # close the connection without a word, and do the work afterwards
    RACE = "race"  # somebody else's upsert of the same new keys comes first: what is new is written, and the answer is 409
    RESET = "reset"  # reset the connection without doing anything
    SLOW_DRIP = "slow_drip"  # do the work, then send the answer in small pieces


@dataclass(slots=True)
class Fault:
    id: int
    kind: FaultKind
    match: str  # part of the path, or of "METHOD path"; empty matches every call
    status: int = 500
    milliseconds: int = 0
    times: int | None = 1  # None: until deleted
    percent: float = 100.0  # of the calls that match
    retry_after_seconds: int | None = None
    until: float | None = None  # by the monotonic clock: the end of a storm
    own_chance: random.Random | None = None  # its own share, if it has a seed
    taken: int = 0

    @property
    def is_over(self) -> bool:
        spent = self.times is not None and self.taken >= self.times
        return spent or (self.until is not None and time.monotonic() >= self.until)

    def befall(self, call: str, chance: random.Random) -> Fault | None:
        if self.match not in call or self.is_over:
            return None
        if self.percent < 100 and (self.own_chance or chance).uniform(0, 100) >= self.percent:
            return None
        self.taken += 1
        return self

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "kind": self.kind.value,
            "match": self.match,
            "status": self.status,
            "milliseconds": self.milliseconds,
            "times": self.times,
            "percent": self.percent,
            "retryAfterSeconds": self.retry_after_seconds,
            "taken": self.taken,
        }

    def refusal(self, authorization: str = "") -> Answer:
        """The answer HubSpot (or, for 5xx and 52x, the edge in front of it) gives with this status."""
        headers = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        if self.kind is FaultKind.ECHO:
            return Answer(self.status, {"status": "error", "message": f"Refused: {authorization}", "category": "INJECTED_FAULT"}, headers)
        if self.status == 429:
            return rate_limited(TEN_SECONDLY, self.retry_after_seconds)
        if self.status in (502, 503, 504) or self.status >= 520:
            return Answer(self.status, f"<html><head><title>{self.status}</title></head><body>error {self.status}</body></html>", headers)
        category, message = _BODIES.get(self.status, ("INJECTED_FAULT", "an injected fault"))
        body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
        return Answer(self.status, body, headers)


_BODIES = {
    401: ("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."),
    423: ("LOCKED", "The resource is locked, try again in a moment."),
    477: ("MIGRATION_IN_PROGRESS", "The account is being moved between data centres."),
    500: ("INTERNAL_ERROR", "internal error"),
}


class Source(Protocol):
    """Something that faults come from: a fault itself, or a mix of them."""

    id: int

    @property
    def is_over(self) -> bool: ...

    def befall(self, call: str, chance: random.Random) -> Fault | None: ...

    def as_json(self) -> Json: ...


class Faults:
    """Taken in the order they were asked for. The random share is seeded, so that a run can be repeated."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._active: list[Source] = []
        self._random = random.Random(1)  # noqa: S311 — which call fails is no secret

    def add(self, wanted: dict[str, Any]) -> Fault:
        try:
            lasting, seed = wanted.get("forMilliseconds"), wanted.get("seed")
            times = wanted.get("times", 1 if lasting is None else None)
            fault = Fault(
                id=next(self._ids),
                kind=FaultKind(wanted.get("kind", "")),
                match=str(wanted.get("match", "")),
                status=int(wanted.get("status", 500)),
                milliseconds=int(wanted.get("milliseconds", 0)),
                times=None if times is None else int(times),
                percent=float(wanted.get("percent", 100)),
                retry_after_seconds=None if wanted.get("retryAfterSeconds") is None else int(wanted["retryAfterSeconds"]),
                until=None if lasting is None else time.monotonic() + int(lasting) / 1000,
                own_chance=None if seed is None else random.Random(int(seed)),  # noqa: S311
            )
        except (TypeError, ValueError) as problem:
            kinds = ", ".join(FaultKind)
            raise invalid(f"not a fault: {problem} (kind is one of {kinds}; status, milliseconds, times are integers)") from problem
        self._active.append(fault)
        return fault

    def add_mix(self, make: Callable[[int], Source]) -> Source:
        self._active.append(make(next(self._ids)))
        return self._active[-1]

    def clear(self) -> None:
        self._active.clear()

    def __iter__(self) -> Iterator[Source]:
        self._active = [source for source in self._active if not source.is_over]
        return iter(self._active)

    def take(self, call: str) -> list[Fault]:
        """What befalls this call ("METHOD path"): any latencies, and at most one other fault."""
        taken: list[Fault] = []
        for source in self:
            fault = source.befall(call, self._random)
            if fault is None:
                continue
            taken.append(fault)
            if fault.kind is not FaultKind.LATENCY:
                break
        return taken
