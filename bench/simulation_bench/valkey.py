"""The Valkey on which ours and the peer are measured in turn: the sandbox's, in memory only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from simulation_core.queue.connection import connect
from simulation_sandbox.valkey import Valkey


@contextmanager
def valkey() -> Iterator[str]:
    """Its URL."""
    server = Valkey(Path(tempfile.mkdtemp(prefix="simulation-bench-")) / "valkey")
    server.start()
    try:
        yield server.url
    finally:
        server.remove()
        server.folder.parent.rmdir()


def empty(url: str) -> int:
    """Removes everything, and waits until its memory is free. Returns what is in use then, in bytes."""
    with closing(connect(url)) as redis:
        untyped: Any = redis
        untyped.execute_command("FLUSHALL", "SYNC")  # without the word Valkey frees it later
    return used_memory(url)


def used_memory(url: str) -> int:
    """Bytes by INFO's used_memory. Whoever filled it should have left: the buffers of connections count as well."""
    with closing(connect(url)) as redis:
        return int(redis.info("memory")["used_memory"])
