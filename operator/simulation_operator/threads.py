"""Where blocking calls run: never on the event loop, which must keep every watch alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool for each kind, so that a plan of ten million records never holds up a short question to the ledger, nor advice a plan."""

    def __init__(self, *, ledger: int = 4, plans: int = 2) -> None:
        self.plans_at_once = plans
        self._ledger = ThreadPoolExecutor(ledger, thread_name_prefix="ledger")
        self._plans = ThreadPoolExecutor(plans, thread_name_prefix="plan")
        self._advice = ThreadPoolExecutor(1, thread_name_prefix="advice")

    async def ledger(self, question: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._ledger, partial(question, *args, **kwargs))

    async def plan(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._plans, partial(work, *args, **kwargs))

    async def advice(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._advice, partial(work, *args, **kwargs))

    def stop(self) -> None:
        """Begins no further call and waits for those under way, each of which is short or ends at its own deadline."""
        for pool in (self._ledger, self._plans, self._advice):
            pool.shutdown(wait=True, cancel_futures=True)
