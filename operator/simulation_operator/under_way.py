"""Work that is done once at a time for each run, as tasks of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID


class UnderWay:
    """By run. What is asked for again while it is being done is left alone."""

    def __init__(self) -> None:
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def start(self, id: UUID, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:  # noqa: A002 - as everywhere
        if id not in self._tasks:
            task = asyncio.create_task(work(), name=name)
            self._tasks[id] = task
            task.add_done_callback(lambda _: self._tasks.pop(id, None))

    async def done(self) -> None:
        """Once all that is under way now has ended, however it ends."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def stop(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await self.done()
