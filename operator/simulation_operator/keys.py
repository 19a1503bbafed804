"""The work queue of the lifecycle: keys, not events. A key waits at most once, and is never worked on twice at the same time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

K = TypeVar("K")
_Heap: TypeAlias = list[tuple[float, int, K]]

FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 30.0
MOST_RETRIES = 12  # about four minutes in all; what still fails then waits for the next resync


class _Turn(NamedTuple):
    patient: bool
    moment: float


class KeyQueue(Generic[K]):
    """Deduplicating, with delays and with back-off per key. For one event loop; every `get` needs its `done`.

    Adding a key that waits keeps the earlier of the two moments. Adding one that is being worked on lets it wait until `done`,
    so that a change seen in the middle of a reconcile is never lost. Patient keys let the others pass: of a thousand that a list
    brought, all but a few are as they were, and what somebody has just asked for must not wait for them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[K, _Turn] = {}
        self._heaps: tuple[_Heap[K], _Heap[K]] = ([], [])  # of the others, and of patient keys
        self._order = itertools.count()
        self._in_work: set[K] = set()
        self._again: dict[K, _Turn] = {}
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._due)

    def add(self, key: K, after_seconds: float = 0.0, *, patient: bool = False) -> None:
        waiting = self._again if key in self._in_work else self._due
        turn, before = _Turn(patient, self._clock() + after_seconds), waiting.get(key)
        if before is not None:
            turn = _Turn(turn.patient and before.patient, min(turn.moment, before.moment))
        if turn == before:
            return
        waiting[key] = turn
        if waiting is self._due:
            heapq.heappush(self._heaps[turn.patient], (turn.moment, next(self._order), key))
            self._changed.set()

    def retry(self, key: K) -> bool:
        """Adds the key after its back-off. False, and nothing added, once it has been retried too often."""
        failures = self._failures.get(key, 0)
        if failures >= MOST_RETRIES:
            self.forget(key)
            return False
        self._failures[key] = failures + 1
        self.add(key, min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**failures))
        return True

    def forget(self, key: K) -> None:
        """The key succeeded: its next failure begins with the shortest delay."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """Waits for the key that is due first."""
        while True:
            self._changed.clear()
            wait_seconds = self._until_next()
            if wait_seconds is not None and wait_seconds <= 0:
                return self._take()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: K) -> None:
        self._in_work.discard(key)
        if (turn := self._again.pop(key, None)) is not None:
            self.add(key, max(0.0, turn.moment - self._clock()), patient=turn.patient)

    def _until_next(self) -> float | None:
        self._drop_superseded()
        moments = [heap[0][0] for heap in self._heaps if heap]
        return min(moments) - self._clock() if moments else None

    def _drop_superseded(self) -> None:
        """By an earlier moment, or by being less patient."""
        for patient, heap in enumerate(self._heaps):
            while heap and self._due.get(heap[0][2]) != (patient, heap[0][0]):
                heapq.heappop(heap)

    def _take(self) -> K:
        now = self._clock()
        heap = next(heap for heap in self._heaps if heap and heap[0][0] <= now)
        _, _, key = heapq.heappop(heap)
        del self._due[key]
        self._in_work.add(key)
        if any(self._heaps):
            self._changed.set()  # another getter may have been woken for this one only
        return key
