"""The same share of every kind of fault at once: what a run must survive without losing or doubling anything."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from simulation_sandbox.hubspot.answers import Json, invalid
from simulation_sandbox.hubspot.faults import Fault, FaultKind

# Several statuses under one name: one of them at random.
_STATUSES = {
    "throttled": (429,),
    "locked": (423,),
    "moving": (477,),
    "error": (500,),
    "edge": (502, 503, 504, 520, 521, 522, 523, 524),
}
_OTHERS = (
    FaultKind.LATENCY, FaultKind.LOSE_RESPONSE, FaultKind.LATE_WRITE, FaultKind.RACE, FaultKind.RESET, FaultKind.SLOW_DRIP,
)  # fmt: skip
KINDS = (*_STATUSES, *(kind.value for kind in _OTHERS))


class Mix:
    """One draw a call decides which kind befalls it, if any: so each kind has exactly its share."""

    is_over = False

    def __init__(self, number: int, wanted: dict[str, Any]) -> None:
        """{percent, kinds, seed, match, milliseconds, retryAfterSeconds}; every kind unless some are named."""
        self.id = number
        try:
            self._kinds = tuple(wanted.get("kinds") or KINDS)
            self._percent = float(wanted.get("percent", 5))
            self._seed = int(wanted.get("seed", 1))
            self._match = str(wanted.get("match", ""))
            self._milliseconds = int(wanted.get("milliseconds", 300))
            self._wait_seconds = int(wanted.get("retryAfterSeconds", 1))
        except (TypeError, ValueError) as problem:
            raise invalid(f"not a mix of faults: {problem}") from problem
        if unknown := [kind for kind in self._kinds if kind not in KINDS]:
            raise invalid(f"no such kinds of faults: {unknown} (there are {', '.join(KINDS)})")
        if not 0 < self._percent * len(self._kinds) <= 100:
            raise invalid(f"{len(self._kinds)} kinds of {self._percent:g} % each are not between 0 and 100 % of the calls")
        self._random = random.Random(self._seed)  # noqa: S311 — which call fails is no secret
        self._taken: Counter[str] = Counter()

    def befall(self, call: str, _: random.Random) -> Fault | None:
        if self._match not in call:
            return None
        drawn = int(self._random.uniform(0, 100) // self._percent)
        if drawn >= len(self._kinds):
            return None
        name = self._kinds[drawn]
        self._taken[name] += 1
        if name not in _STATUSES:
            return Fault(self.id, FaultKind(name), self._match, milliseconds=self._milliseconds)
        status = self._random.choice(_STATUSES[name])
        wait = self._wait_seconds if status in (429, 477) else None
        return Fault(self.id, FaultKind.STATUS, self._match, status=status, retry_after_seconds=wait)

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "kind": "mix",
            "kinds": list(self._kinds),
            "match": self._match,
            "percent": self._percent,
            "seed": self._seed,
            "taken": {kind: self._taken[kind] for kind in self._kinds},
        }
