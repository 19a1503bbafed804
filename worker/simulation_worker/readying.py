"""Checking portals aside: one that takes the connection and never answers must not hold up the jobs of the others."""

from __future__ import annotations

import logging
import threading

from simulation_core.reasons import Reason
from simulation_worker.crm.judge import STOP_MS
from simulation_worker.desk import Desk

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16  # threads; each ends within a few calls' deadlines


class Readying:
    """Makes desks ready, each in a thread of its own. A desk belongs to its thread until it is ready or held."""

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._threads: dict[Desk, threading.Thread] = {}
        self._one_ended = threading.Event()

    @property
    def under_way(self) -> int:
        self._threads = {desk: thread for desk, thread in self._threads.items() if thread.is_alive()}
        return len(self._threads)

    def begin(self, desk: Desk) -> None:
        """Unless it is under way already, or too many are: then the next turn asks again."""
        if self.under_way >= self._most_at_once or desk in self._threads:
            return
        thread = threading.Thread(target=self._make_ready, args=(desk,), name=f"ready-{desk.portal.name}", daemon=True)
        self._threads[desk] = thread
        thread.start()

    def wait(self, seconds: float) -> None:
        """Until one has ended, or the time is up."""
        self._one_ended.wait(seconds)
        self._one_ended.clear()

    def _make_ready(self, desk: Desk) -> None:
        try:
            desk.make_ready()
        except Exception as fault:
            log.exception("portal %s could not be checked", desk.portal.name)
            desk.hold(Reason.PORTAL_UNAVAILABLE, f"The worker could not check the portal: {type(fault).__name__}, see its log", STOP_MS)
        finally:
            self._one_ended.set()
