"""A batch whose worker died twice is delivered by a process of its own: should it kill that one too, nobody else's work is lost."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from simulation_core.ledger.values import Claimed
from simulation_core.settings import EXIT_BAD_SETTINGS
from simulation_worker.deliver import crashed
from simulation_worker.load import End, Release

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "simulation_worker.alone")
LONGEST_SECONDS = 100.0  # its calls have deadlines: what takes longer is stuck. Below the time a worker gets to leave
LOOK_SECONDS = 1.0
LEDGER_AWAY = 75  # exit code of the other process: nothing is wrong with the batch (sysexits' "temporary failure")
AGAIN_MS = 1_000
SETTINGS_AGAIN_MS = 10_000


def carry_out_alone(
    claimed: Claimed,
    portal: str,
    *,
    beat: Callable[[], None] = lambda: None,
    command: Sequence[str] = COMMAND,
    longest_seconds: float = LONGEST_SECONDS,
) -> End | None:
    """None: the other process delivered the batch and ended its claim. Else how the claim is to be ended: it died, or was stuck.

    The claim is handed over: the fence is all that the other process is told, besides the environment it inherits.
    """
    fence = claimed.fence
    log.warning("batch %d of %s goes to a process of its own: %d attempts died", fence.batch, fence.simulation_id, claimed.crashes)
    given = {"simulation_id": str(fence.simulation_id), "batch": fence.batch, "attempt": fence.attempt, "portal": portal}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)  # noqa: S603 - a list, never a shell; the fence goes by standard input
    until_s = time.monotonic() + longest_seconds
    told: str | None = json.dumps(given)
    while True:
        try:
            process.communicate(told, timeout=LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            told = None
            beat()
            if time.monotonic() > until_s:
                process.kill()
                process.wait()
                return crashed(claimed, f"stuck: its own process did not end within {longest_seconds:g} s")
        except BrokenPipeError:
            process.wait()
            break
    if process.returncode == 0:
        return None
    if process.returncode == LEDGER_AWAY:
        return Release(fence=fence, retry_after_ms=AGAIN_MS)
    if process.returncode == EXIT_BAD_SETTINGS:  # it read the portals file, of which we keep what we read before it was broken
        log.warning("batch %d of %s is given back: its own process can't use its settings, see the log", fence.batch, fence.simulation_id)
        return Release(fence=fence, retry_after_ms=SETTINGS_AGAIN_MS)
    how = f"killed by signal {-process.returncode}" if process.returncode < 0 else f"with exit code {process.returncode}, see the log"
    return crashed(claimed, f"in a process of its own, {how}")
