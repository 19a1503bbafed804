"""Waiting for a condition with a deadline: the one place where the sandbox sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from simulation_sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found | None], *, what: str, within_seconds: float, every_seconds: float = 0.05) -> Found:
    """What `condition` returns once it is neither None nor False.

    `what` completes the sentence "gave up waiting for …" of the SandboxError raised at the deadline.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        found = condition()
        if found is not None and found is not False:
            return found
        if time.monotonic() >= deadline:
            raise SandboxError(f"gave up waiting for {what} after {within_seconds:g} s")
        time.sleep(every_seconds)
