"""How much of its time the resync may take the API server's. Lists find what is hardly ever missed: they make room for what is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

RESTS_BETWEEN_PAGES = 2  # times as long as the page before took
RESTS_BETWEEN_LISTS = 20  # times as long as the pages of the last list took together
LONGEST_SHARE = 4  # a list rests within this part of the deadline, and no longer is waited for the next one

PAGES_LAST_SECONDS = 300.0  # after which an API server has forgotten the list to which a next page belongs


class Pace:
    """Of one list after the other, each of which must be complete `deadline_seconds` after the one before."""

    def __init__(
        self,
        *,
        every_seconds: float,
        deadline_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._every_seconds = every_seconds
        self._longest_seconds = min(deadline_seconds, PAGES_LAST_SECONDS) / LONGEST_SHARE
        self._clock = clock
        self._sleep = sleep
        self._rests_until = 0.0
        self._page_begun_at = 0.0
        self._listing_seconds = 0.0  # without rests
        self._complete = False

    @property
    def seconds_between_lists(self) -> float:
        """One that failed is tried again at the usual time."""
        seldom_seconds = min(RESTS_BETWEEN_LISTS * self._listing_seconds, self._longest_seconds)
        return max(self._every_seconds, seldom_seconds) if self._complete else self._every_seconds

    def begin(self, *, hurried: bool) -> None:
        """A list. A hurried one takes no rests, nor do the first one and one after a failure: what is known gets old."""
        self._page_begun_at = self._clock()
        self._rests_until = self._page_begun_at + (self._longest_seconds if self._complete and not hurried else 0.0)
        self._listing_seconds = 0.0
        self._complete = False

    def hurry(self) -> None:
        """From now on the list takes no rests."""
        self._rests_until = 0.0

    async def page_done(self) -> None:
        """After each page, whatever was done with it."""
        now = self._clock()
        took_seconds = now - self._page_begun_at
        self._listing_seconds += took_seconds
        if now < self._rests_until:
            await self._sleep(min(RESTS_BETWEEN_PAGES * took_seconds, self._rests_until - now))
        self._page_begun_at = self._clock()

    def complete(self) -> None:
        """All pages were taken."""
        self._complete = True
