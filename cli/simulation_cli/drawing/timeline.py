"""Counts over a stretch of time, and the words for its times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np

from simulation_core import zones
from simulation_core.clock import from_ms
from simulation_core.durations import in_words

_MINUTE_MS, _TWO_HOURS_MS = 60_000, 7_200_000


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """How many records fall into each of `counts`' equal parts of a window; moments are milliseconds since the epoch."""

    counts: tuple[int, ...]
    start_ms: int
    end_ms: int
    zone: str = "UTC"  # an IANA name: in whose local time the axis is labelled

    @property
    def bucket_ms(self) -> float:
        return (self.end_ms - self.start_ms) / len(self.counts)

    @property
    def bucket_in_words(self) -> str:
        return in_words(round(self.bucket_ms))

    def over(self, start_ms: int, end_ms: int, parts: int) -> tuple[float, ...]:
        """The same records in `parts` equal parts of another window; within a part of this one they are taken as even."""
        edges = np.linspace(self.start_ms, self.end_ms, len(self.counts) + 1)
        until = np.concatenate(([0], np.cumsum(self.counts)))
        return tuple(np.diff(np.interp(np.linspace(start_ms, end_ms, parts + 1), edges, until)).round(6).tolist())

    def until(self, moment_ms: int) -> float:
        """How many of the records come before that moment; within a part they are taken as even."""
        edges = np.linspace(self.start_ms, self.end_ms, len(self.counts) + 1)
        return float(np.interp(moment_ms, edges, np.concatenate(([0], np.cumsum(self.counts)))))

    def local(self, moment_ms: float) -> datetime:
        return from_ms(round(moment_ms)).astimezone(time_zone(self.zone))

    def time_of_day(self, moment_ms: float) -> str:
        """As precise as the window needs it."""
        length_ms = self.end_ms - self.start_ms
        moment = self.local(moment_ms)
        if length_ms < _MINUTE_MS:
            return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03}"
        return moment.strftime("%H:%M:%S" if length_ms < _TWO_HOURS_MS else "%H:%M")

    def day(self, moment_ms: float) -> str:
        moment = self.local(moment_ms)
        return f"{moment:%a} {moment.day} {moment:%b}"


@dataclass(frozen=True)
class Outline:
    """Another timeline to compare with, drawn as a line over the bars."""

    label: str
    timeline: Timeline


def time_zone(name: str) -> tzinfo:
    return zones.zone(name)  # the one that the plan was made with
