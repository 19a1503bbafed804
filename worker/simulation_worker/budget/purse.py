"""The tokens of one load: the moments at which its calls may begin, reserved together before the load was claimed."""

from __future__ import annotations

import math
from collections import deque

from simulation_core.queue.admission import Admission


class Purse:
    """Moments on the monotonic clock, the earliest first. Several threads may pay from it."""

    def __init__(self, moments_s: list[float] | None = None) -> None:
        self._moments_s = deque(moments_s or ())

    @classmethod
    def of(cls, admission: Admission, spacing_us: float, answered_s: float) -> Purse:
        """`answered_s`: when Redis's answer was there; the moments are counted from it, so they are rather too late."""
        return cls([answered_s + (admission.first_us + number * spacing_us) / 1e6 for number in range(admission.uses)])

    def pay(self, since_s: float = -math.inf) -> float | None:
        """The moment of the next call; None when it is empty. Those before `since_s` are lost: it is too late for them."""
        try:
            while (moment_s := self._moments_s.popleft()) < since_s:
                pass
        except IndexError:
            return None
        return moment_s

    def split(self, calls: int) -> Purse:
        """One with the next so many, or with what there is."""
        return Purse([moment_s for _ in range(calls) if (moment_s := self.pay()) is not None])

    def empty(self) -> list[float]:
        """Nothing more is paid from it. The moments that were left."""
        return list(iter(self.pay, None))
