"""Threads that look while it runs: at what is shown, at what the ledger knows, and at how much is written."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy import text

from simulation_bench.status.ages import Ages, Known
from simulation_bench.status.installed import Installed, wait_for
from simulation_core.ledger.engine import transaction

LEDGER_EVERY_SECONDS = 1.0
WRITES_EVERY_SECONDS = 2.5  # the API server writes three megabytes to answer that
BUSIEST_SECONDS = 5.0
ALL_RUN_WITHIN_SECONDS = 400

_KNOWN = """
    SELECT id, status, records_processed + records_failed + records_skipped FROM simulations
    WHERE namespace = :namespace AND name LIKE 'run-%'
"""


@dataclass
class _Restart:
    over_s: float = math.inf


class Looking:
    """Begun on entry, ended on exit; a thread that failed fails the measurement."""

    def __init__(self, product: Installed, namespace: str, ages: Ages) -> None:
        self._product = product
        self._namespace = namespace
        self._ages = ages
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._guarded, args=(look,)) for look in (self._watch, self._ask, self._count)]
        self._writes: list[tuple[float, int]] = []  # when, and how many by then
        self.oldest_s = 0.0  # but for what a restart made old
        self.oldest_after_restart_s = 0.0
        self._restart: _Restart | None = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    @contextmanager
    def restart(self) -> Iterator[None]:
        """While there is no operator, statuses only get older; that is counted apart, until all news from then are shown."""
        self._restart = _Restart()
        yield
        self._restart.over_s = time.monotonic()

    def wait_until_all_run(self) -> None:
        self._wait(lambda: set(self._ages.phases()) <= {"Running", "Completed"}, "all are shown Running", ALL_RUN_WITHIN_SECONDS)

    def wait_until_all_ended(self, within_seconds: float) -> None:
        """Or as long as that; who hasn't ended by then isn't counted."""
        try:
            self._wait(lambda: set(self._ages.phases()) <= {"Completed", "Failed"}, "all have ended", within_seconds)
        except TimeoutError:
            self._product.look_at_memory()

    def writes_per_s(self) -> float:
        """In the busiest stretch of at least `BUSIEST_SECONDS`."""
        if len(self._writes) < 2:
            raise ValueError("the API server never said at once how much had been written")
        busiest = 0.0
        for number, (begun_s, before) in enumerate(self._writes):
            end = next(((at_s, count) for at_s, count in self._writes[number:] if at_s - begun_s >= BUSIEST_SECONDS), None)
            if end is not None:
                busiest = max(busiest, (end[1] - before) / (end[0] - begun_s))
        return busiest

    @property
    def operator_mb(self) -> float:
        return self._product.operator_mb

    def _wait(self, holds: Callable[[], bool], what: str, within_seconds: float) -> None:
        def met() -> bool:
            if self._failure is not None:
                raise self._failure
            return holds()

        wait_for(met, what, within_seconds)

    def _guarded(self, look: Callable[[], None]) -> None:
        try:
            look()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._failure = error

    def _watch(self) -> None:
        api = self._product.api
        since = api.get(f"/apis/simulation-operator.dev/v1alpha1/namespaces/{self._namespace}/simulations?limit=1")["metadata"][
            "resourceVersion"
        ]
        for event in api.watch(self._namespace, since, self._stop):
            seen = event["object"]
            if event["type"] in {"ADDED", "MODIFIED"}:
                self._ages.shows(UUID(seen["metadata"]["uid"]), seen.get("status") or {})

    def _ask(self) -> None:
        while not self._stop.wait(LEDGER_EVERY_SECONDS):
            with transaction(self._product.engine) as connection:
                rows = connection.execute(text(_KNOWN), {"namespace": self._namespace}).all()
            now_s = time.monotonic()
            for uid, status, settled in rows:
                self._ages.knows(uid, Known(status.capitalize(), settled), now_s)
            self._note(now_s, self._ages.oldest_s(now_s))

    def _note(self, now_s: float, oldest_s: float) -> None:
        if self._restart is not None and now_s - oldest_s > self._restart.over_s:
            self._restart = None
        if self._restart is None:
            self.oldest_s = max(self.oldest_s, oldest_s)
        else:
            self.oldest_after_restart_s = max(self.oldest_after_restart_s, oldest_s)

    def _count(self) -> None:
        while not self._stop.wait(WRITES_EVERY_SECONDS):
            if (counted := self._product.api.writes_of_others()) is not None:
                self._writes.append(counted)
            self._product.look_at_memory()
