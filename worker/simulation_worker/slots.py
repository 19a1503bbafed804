"""The slots: as many threads as loads may be under way at once. No portal may take all of them where several are served."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


class Slots:
    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="slot")
        self._busy: Counter[str] = Counter()
        self._freed = threading.Condition()

    def shares(self, portals: Mapping[str, str], *, served: int = 1) -> dict[str, int]:
        """How many loads may be begun now from each queue, given its portal; queues for which there is no slot are left out.

        What is free is divided evenly. A share that isn't used is divided anew at the next turn, so a slot stays free for no longer.
        `served`: how many portals there are, also those that may not be called at this moment. They find slots when they may.
        """
        with self._freed:
            free = max(0, self.count - self._busy.total())
            most = self.count if max(served, len(portals)) <= 1 else max(1, self.count * 3 // 4)
            even = max(1, free // max(1, len(portals)))
            shares: dict[str, int] = {}
            for queue, portal in portals.items():
                share = min(even, most - self._busy[portal], free)
                if share > 0:
                    shares[queue] = share
                    free -= share
            return shares

    def begin(self, portal: str, work: Callable[[], None]) -> None:
        """On the next slot that is free."""
        with self._freed:
            self._busy[portal] += 1
        self._pool.submit(self._work, portal, work)

    def wait_for_shares(self, portals: Mapping[str, str], seconds: float, *, served: int = 1) -> None:
        """Until there is a slot for one of them, or the time is up."""
        with self._freed:
            self._freed.wait_for(lambda: self.shares(portals, served=served), seconds)

    def close(self) -> None:
        """Returns when what was begun is done."""
        self._pool.shutdown()

    def _work(self, portal: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a load ended without its end being written; its leases run out")
        finally:
            with self._freed:
                self._busy[portal] -= 1
                self._freed.notify_all()
