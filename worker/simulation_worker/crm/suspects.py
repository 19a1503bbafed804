"""Objects in calls that HubSpot answered with a bare 500, and whether calls of their kind succeeded since. One for each portal.

A 500 is HubSpot's trouble or an object's own. It is the object's only if others of its kind were written between two of them, by a call
that was begun after the first: in an outage, calls that were under way since before still succeed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

KNOWN = 20_000  # the oldest is suspected anew


class Suspects:
    """`kind` names a kind of call: an outage may be one kind's alone."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._met_s: dict[tuple[str, str], float] = {}  # the last time
        self._begun_s: dict[str, float] = {}  # the newest call that succeeded
        self._lock = threading.Lock()

    def are_to_blame(self, kind: str, keys: Sequence[str]) -> bool:
        """A 500 for these. Whether others were written since each of them was met the last time."""
        with self._lock:
            met_s = max(self._met_s.get((kind, key), math.inf) for key in keys)
            now_s = self._clock()
            for key in keys:
                self._met_s.pop((kind, key), None)
                self._met_s[kind, key] = now_s
            while len(self._met_s) > KNOWN:
                del self._met_s[next(iter(self._met_s))]
            return self._begun_s.get(kind, -math.inf) > met_s

    def succeeded(self, kind: str, keys: Iterable[str], begun_s: float) -> None:
        """These were written, by a call begun at this moment of the same clock."""
        with self._lock:
            self._begun_s[kind] = max(begun_s, self._begun_s.get(kind, -math.inf))
            if self._met_s:
                for key in keys:
                    self._met_s.pop((kind, key), None)
