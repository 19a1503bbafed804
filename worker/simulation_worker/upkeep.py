"""What must go on beside the work, on a thread of its own: a slow call or a full turn of the loop must not let a lease run out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulation_core.errors import LedgerUnavailableError, QueueUnavailableError
from simulation_core.queue.connection import outages_translated

log = logging.getLogger(__name__)

TURN_SECONDS = 0.5


@dataclass(kw_only=True)
class Duty:
    every_s: float
    do: Callable[[], None]
    due_s: float = 0.0


class Upkeep:
    """Does each duty when it is due. One that fails holds up no other, and is tried again when it is due again."""

    def __init__(self, *duties: Duty) -> None:
        self._duties = duties
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(TURN_SECONDS):
            for duty in self._duties:
                if time.monotonic() >= duty.due_s:
                    duty.due_s = time.monotonic() + duty.every_s
                    self._do(duty)

    def _do(self, duty: Duty) -> None:
        try:
            with outages_translated():
                duty.do()
        except (LedgerUnavailableError, QueueUnavailableError) as error:
            log.debug("upkeep: %s", error)  # who takes work says so
        except Exception:
            log.exception("upkeep")
