"""What a Python process needs to be punctual to the millisecond: threads that take turns quickly, and short garbage collections."""

from __future__ import annotations

import gc
import sys

# Python's own 5 ms is how long a thread that wakes up waits for one that computes. A switch costs microseconds, and few threads are busy.
SWITCH_SECONDS = 0.0005


def be_punctual() -> None:
    """Call it once all is built: what there is by then is never looked through for garbage again, which takes tens of milliseconds."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
