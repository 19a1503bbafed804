"""The peak of a stretch of code, not of the imports before it."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_KIB_A_MAXRSS = 1 / 1024 if sys.platform == "darwin" else 1


class PeakMemory:
    """`PeakMemory()` before, `.growth_mb()` after: how far the process grew above what it had, at most.

    Linux starts its record anew (proc(5), clear_refs 5). Elsewhere the record is of the whole process, so that growth below an earlier
    peak shows as none.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            _CLEAR_REFS.write_text("5")
        self._before_kib = _peak_kib()

    def growth_mb(self) -> float:
        return max(0.0, _peak_kib() - self._before_kib) / 1024


def _peak_kib() -> float:
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_A_MAXRSS
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
