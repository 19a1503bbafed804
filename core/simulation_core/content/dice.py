"""Chance that depends on the run's seed, the record and the purpose alone: the same on any worker and at any repeat."""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

Value = TypeVar("Value")


def record_seed(seed: int, record: int, purpose: str = "") -> int:
    """64 bits that depend on these alone: Python's own hash() differs from process to process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{record}{purpose}".encode(), digest_size=8).digest())


class Dice(random.Random):
    """Thrown for one record after the other. Not shared between threads."""

    def for_record(self, seed: int, record: int, purpose: str) -> Dice:
        self.seed(record_seed(seed, record, purpose))
        return self

    def one_of(self, values: Sequence[Value]) -> Value:
        return values[int(self.random() * len(values))]


class Lots(Generic[Value]):
    """Values to be drawn by weight, prepared once: drawing costs a bisection."""

    def __init__(self, weights: Mapping[Value, float] | Sequence[Value]) -> None:
        self._values: Sequence[Value] = list(weights)
        self._reached = list(accumulate(weights.values())) if isinstance(weights, Mapping) else None

    def __len__(self) -> int:
        return len(self._values)

    def draw(self, dice: Dice) -> Value:
        if self._reached is None:
            return dice.one_of(self._values)
        return self._values[bisect(self._reached, dice.random() * self._reached[-1], hi=len(self._values) - 1)]
