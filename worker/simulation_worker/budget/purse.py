"""The tokens of one load: the moments at which its calls may begin, reserved together before the load was claimed."""

from __future__ import annotations

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

    def pay(self) -> float | None:
        """The moment of the next call; None when it is empty."""
        try:
            return self._moments_s.popleft()
        except IndexError:
            return None

    def split(self, calls: int) -> Purse:
        """One with the next so many, or with what there is."""
        return Purse([moment for _ in range(calls) if (moment := self.pay()) is not None])

    def empty(self) -> int:
        """Nothing more is paid from it. How many calls were left."""
        left = len(self._moments_s)
        self._moments_s.clear()
        return left
