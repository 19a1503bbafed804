"""Objects in calls that HubSpot answered with a bare 500, and whether calls of their kind succeeded since. One for each portal.

A 500 is HubSpot's trouble or an object's own. It is the object's only if others of its kind are written after it was first met.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

KNOWN = 20_000  # the oldest is suspected anew


class Suspects:
    """`kind` names a kind of call: an outage may be one kind's alone."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since_s: dict[tuple[str, str], float] = {}
        self._succeeded_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, keys: Iterable[str]) -> None:
        with self._lock:
            now_s = self._clock()
            for key in keys:
                self._since_s.setdefault((kind, key), now_s)
            while len(self._since_s) > KNOWN:
                del self._since_s[next(iter(self._since_s))]

    def succeeded(self, kind: str, keys: Iterable[str]) -> None:
        """These were written."""
        with self._lock:
            self._succeeded_s[kind] = self._clock()
            if self._since_s:
                for key in keys:
                    self._since_s.pop((kind, key), None)

    def are_to_blame(self, kind: str, keys: Sequence[str]) -> bool:
        """Whether others were written since the last of these was first met."""
        with self._lock:
            now_s = self._clock()
            return self._succeeded_s.get(kind, float("-inf")) > max(self._since_s.get((kind, key), now_s) for key in keys)
