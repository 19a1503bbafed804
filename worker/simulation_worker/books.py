"""Ending claims in groups: what slots hand in while one statement is being committed is in the next one together.

So a commit is waited for once for many batches. What is finished is counted, then acknowledged to Redis.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Engine

from simulation_core.errors import LedgerUnavailableError
from simulation_core.ledger import claims, finishes
from simulation_core.ledger.trips import FAILURES
from simulation_core.ledger.values import Claimed, Fence, Finish
from simulation_worker.deliver import pending
from simulation_worker.lease import Lease
from simulation_worker.load import Claim, End, Release
from simulation_worker.metrics import Metrics

log = logging.getLogger(__name__)

MOST_RECORDS = 5_000  # a statement: it holds its rows, and the run's, until it is committed
AGAIN_SECONDS = 0.5
GATHER_SECONDS = 0.003  # what other slots hand in meanwhile comes along: commits that are saved here make those of claims faster


class Entry(NamedTuple):
    """One claim and how it ends."""

    claim: Claim
    end: End
    lease: Lease


class Books:
    """One thread writes; any may hand in. `on_ended` is told of the claims that are over, whether the ledger took their end or not."""

    def __init__(
        self,
        engine: Engine,
        *,
        metrics: Metrics,
        on_ended: Callable[[Sequence[Claim]], None],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._on_ended = on_ended
        self._pause = pause
        self._handed_in: queue.SimpleQueue[Sequence[Entry] | None] = queue.SimpleQueue()
        self._cut_off: list[Fence] = []  # claims that an outage of Postgres kept from being ended
        self._thread = threading.Thread(target=self._run, name="books", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hand_in(self, entries: Sequence[Entry]) -> None:
        self._handed_in.put(entries)

    def close(self) -> None:
        """Returns when all that was handed in is written, or its leases are over."""
        self._handed_in.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while (entries := self._next()) is not None:
            for group in _groups(entries):
                try:
                    self.write(group)
                except Exception:  # a fault here must not end the worker's only writer
                    log.exception("%d claims could not be ended; their leases run out", len(group))
            self._try_to_give_back_cut_off()

    def _next(self) -> list[Entry] | None:
        """All that is there; None when it is over. Nothing, now and then, while claims wait to be given back."""
        entries: list[Entry] = []
        while not entries or not self._handed_in.empty():
            try:
                handed_in = self._handed_in.get(timeout=1.0 if self._cut_off else None)
            except queue.Empty:
                return []
            if not entries and handed_in is not None:
                self._pause(GATHER_SECONDS)
            if handed_in is None:
                if entries:
                    self._handed_in.put(None)  # for the next turn
                return entries or None
            entries += handed_in
        return entries

    def write(self, entries: Sequence[Entry]) -> None:
        """Patient while their leases last: after them the batches are delivered again, and HubSpot's upserts find what is there."""
        try:
            self._patiently(self._finish, [entry for entry in entries if isinstance(entry.end, Finish)])
            self._patiently(self._release, [entry for entry in entries if isinstance(entry.end, Release)])
        finally:
            self._on_ended([entry.claim for entry in entries])

    @property
    def cut_off(self) -> int:
        """How many claims could not be ended, nor given back yet."""
        return len(self._cut_off)

    def _patiently(self, write: Callable[[Sequence[Entry]], None], entries: Sequence[Entry]) -> None:
        left = list(entries)
        while left:
            try:
                write(left)
                return
            except LedgerUnavailableError as error:
                lasting = [entry.lease.left_s() >= AGAIN_SECONDS for entry in left]
                over = [entry for entry, lasts in zip(left, lasting, strict=True) if not lasts]
                if over:
                    log.warning("%d batches could not be ended: %s", len(over), error)
                    self._cut_off += [entry.claim.claimed.fence for entry in over]
                    self._metrics.jobs.labels("unfinished").inc(len(over))
                    left = [entry for entry, lasts in zip(left, lasting, strict=True) if lasts]
                if left:
                    self._pause(AGAIN_SECONDS)

    def _try_to_give_back_cut_off(self) -> None:
        """Else their leases' end would count as a worker's death, and an outage is none."""
        if not self._cut_off:
            return
        try:
            claims.release(self._engine, self._cut_off)
            self._cut_off.clear()
        except (LedgerUnavailableError, *FAILURES) as error:
            log.debug("%d claims wait to be given back: %s", len(self._cut_off), error)

    def _finish(self, entries: Sequence[Entry]) -> None:
        finished = [(entry.claim.claimed, entry.end) for entry in entries if isinstance(entry.end, Finish)]
        ended = finishes.finish(self._engine, [finish for _, finish in finished])
        self._count([pair for pair, done in zip(finished, ended, strict=True) if done])
        self._say_lost([finish.fence for (_, finish), done in zip(finished, ended, strict=True) if not done])

    def _release(self, entries: Sequence[Entry]) -> None:
        for (retry_after_ms, crashed), fences in _alike([entry.end for entry in entries if isinstance(entry.end, Release)]):
            claims.release(self._engine, fences, retry_after_ms=retry_after_ms, crashed=crashed)
            self._metrics.jobs.labels("crashed" if crashed else "given back").inc(len(fences))

    def _say_lost(self, fences: Sequence[Fence]) -> None:
        for fence in fences:
            log.warning("batch %d of %s: the claim was lost, another worker has it", fence.batch, fence.simulation_id)
        if fences:
            self._metrics.fences_lost.inc(len(fences))
            self._metrics.jobs.labels("fence lost").inc(len(fences))

    def _count(self, finished: Sequence[tuple[Claimed, Finish]]) -> None:
        lateness_ms: list[int] = []
        outcomes: dict[str, int] = {}
        for claimed, finish in finished:
            for name, count in _outcomes(claimed, finish, lateness_ms).items():
                outcomes[name] = outcomes.get(name, 0) + count
        for name, count in outcomes.items():
            self._metrics.records.labels(name).inc(count)
        self._metrics.lateness.observe_ms(lateness_ms)
        if finished:
            self._metrics.jobs.labels("finished").inc(len(finished))


def _outcomes(claimed: Claimed, finish: Finish, lateness_ms: list[int]) -> Mapping[str, int]:
    """How many records ended how in this attempt; the lateness of the delivered ones is added to `lateness_ms`."""
    if finish.rest_delivered_ms is not None and not finish.results:
        moment_ms, due_ms = finish.rest_delivered_ms, claimed.due_ms
        late_ms = [moment_ms - due_ms[index] for index in pending(claimed)]
        lateness_ms += late_ms
        return {"delivered": len(late_ms)}
    counts: dict[str, int] = {}
    for result in finish.results:
        name = result.outcome.name.lower()
        counts[name] = counts.get(name, 0) + 1
        if result.delivered_ms is not None:
            lateness_ms.append(result.delivered_ms - claimed.due_ms[result.index])
    return counts


def _alike(releases: Sequence[Release]) -> Iterator[tuple[tuple[int, bool], list[Fence]]]:
    def kind(release: Release) -> tuple[int, bool]:
        return release.retry_after_ms, release.crashed

    for key, group in groupby(sorted(releases, key=kind), key=kind):
        yield key, [release.fence for release in group]


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    records = 0
    for entry in entries:
        group.append(entry)
        records += len(entry.claim.claimed.due_ms)
        if records >= MOST_RECORDS:
            yield group
            group, records = [], 0
    if group:
        yield group
