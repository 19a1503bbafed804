"""The product's simulation-scheduler as a process of its own, while something is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulation_bench import portals

STOP_SECONDS = 30


@contextmanager
def scheduler(folder: Path, *, database: str, redis: str) -> Iterator[None]:
    """It may still be starting: what is measured begins some seconds later."""
    settings = {
        "SIMULATION_DATABASE_URL": database,
        "SIMULATION_REDIS_URL": redis,
        "SIMULATION_PORTALS_FILE": str(portals.write(folder)),
        "SIMULATION_BIND_ADDRESS": "127.0.0.1:0",
        "SIMULATION_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "simulation_operator.scheduler.main"], env={**os.environ, **settings})
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
