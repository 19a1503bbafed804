"""What the operator knows of each Simulation object between reconciles. Memory only: a restart reads it all again from lists and ledger."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from simulation_core.clock import now_ms
from simulation_core.reasons import Reason
from simulation_operator.resource import SETTLED, Key, Seen, Simulation
from simulation_operator.resting import ENDED, rests, rests_until_ms, still_asked_for


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a Simulation has no run in the ledger: it waits for something, or it was refused for good."""

    reason: Reason
    message: str
    final: bool


@dataclass(kw_only=True)
class Entry:
    simulation: Simulation
    verdict: Verdict | None = None
    setbacks: int = 0  # unexpected failures in a row
    observed_generation: int = 0  # what the last complete reconcile looked at
    settled: bool | None = False  # the last reconcile found nothing to do, and nothing was asked for since; None: it is under way
    written: Mapping[str, Any] = field(default_factory=dict)  # the status as the API server has it, to our knowledge
    refusal: str = ""  # why the API server last refused that status, as it was logged
    version: int = 0  # the object's, when it had that status
    unshown_since: float | None = None  # monotonic seconds: since when more is known than that status says, or may be
    unsure: bool = False  # whether anything is: nobody has looked since it was doubted
    resting: bool = False  # nothing is left to decide or to show; of spec and status next to nothing is kept
    rests_until_ms: float = math.inf  # Unix epoch

    @property
    def key(self) -> Key:
        return self.simulation.key

    @property
    def finished(self) -> bool:
        """The end has been shown; nothing is left to say about this Simulation."""
        return self.written.get("phase") in ENDED

    @property
    def of_interest(self) -> bool:
        return not self.finished or self.simulation.deleting or still_asked_for(self.written)


class Roster:
    """Entries by uid, how many complete lists in a row lacked a Simulation, and whose status should be looked at."""

    def __init__(self) -> None:
        self._entries: dict[UUID, Entry] = {}
        self._absences: dict[UUID, int] = {}
        self.unshown: set[UUID] = set()
        self.writing: set[UUID] = set()  # a status is on its way
        self.complete = False  # a whole list has been taken in; until then nobody knows since when what is seen is as it is
        self._doubted_at = time.monotonic()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, uid: UUID) -> Entry | None:
        return self._entries.get(uid)

    def see(self, simulation: Simulation) -> bool:
        """Takes in what a list or a watch brought. True when there is something in it that the lifecycle must look at.

        An older state than the known one (from a list that a watch has overtaken) is ignored. Status writes come as events as well: they
        change nothing that decisions are made of. But one that isn't ours (another operator's, while we stood by) tells what is there
        now: to write against an older status would leave members behind, or bring back a phase that has passed.
        """
        uid = simulation.key.uid
        self._absences.pop(uid, None)
        entry = self._entries.get(uid)
        if entry is not None and entry.resting and simulation.version <= entry.version and self.knows(simulation):
            return False
        newest = entry is None or simulation.version >= entry.version
        if newest and uid not in self.unshown and rests(simulation, now_ms()):
            self._entries[uid] = _at_rest(simulation)
            return False
        if entry is not None and entry.resting and simulation.version < entry.version:
            return False
        if entry is None or entry.resting:
            self._entries[uid] = Entry(
                simulation=simulation,
                written=simulation.status,
                version=simulation.version,
                unshown_since=time.monotonic() if self.complete else self._doubted_at,  # that it is there, or that it is awake, is news
                unsure=not self.complete,
            )
            return True
        if (simulation.generation, simulation.version) < (entry.simulation.generation, entry.simulation.version):
            return False
        if simulation.version > entry.version:
            entry.written, entry.version = simulation.status, simulation.version
        changed = simulation.asked != entry.simulation.asked
        entry.simulation = simulation
        if changed:
            entry.settled = False
        return changed

    def knows(self, seen: Seen) -> bool:
        """Nothing would come of seeing the whole object. A status that we wrote says nothing of what was asked for meanwhile."""
        entry = self._entries.get(seen.key.uid)
        if entry is None or (entry.version < seen.version and seen.key.uid not in self.writing):
            return False
        if entry.simulation.version < seen.version and entry.simulation.asked != seen.asked:
            return False
        if entry.resting:
            return now_ms() < entry.rests_until_ms and seen.key.uid not in self.unshown
        return not entry.finished  # it may rest now

    def lose(self, uid: UUID) -> None:
        """A watch said it was deleted. Lists decide whether that is so."""
        self._entries.pop(uid, None)
        self.unshown.discard(uid)

    def absent(self, uid: UUID) -> int:
        """A complete list of the scope it belongs to lacked it. Returns in how many such lists in a row."""
        self.lose(uid)
        self._absences[uid] = self._absences.get(uid, 0) + 1
        return self._absences[uid]

    def absences(self, uid: UUID) -> int:
        return self._absences.get(uid, 0)

    def forget(self, uid: UUID) -> None:
        self.lose(uid)
        self._absences.pop(uid, None)

    def is_unshown(self, uid: UUID) -> bool:
        """More is known, or may be, than its status says."""
        entry = self._entries.get(uid)
        if entry is None:
            return False
        return uid in self.unshown or entry.unshown_since is not None or not entry.written

    def awake(self) -> list[Entry]:
        """All but those that rest."""
        return [entry for entry in self._entries.values() if not entry.resting]

    def doubt(self) -> None:
        """At the start, after taking the lead, after an outage: whether a status is still true isn't known, nor since when it isn't."""
        self._doubted_at = time.monotonic()
        for entry in self.awake():
            entry.unsure, entry.unshown_since = True, self._doubted_at

    def unsettle(self) -> None:
        """Something changed that concerns all: each is looked at again with the next list."""
        for entry in self.awake():
            entry.settled = False

    def waiting(self) -> list[Key]:
        """Those that have no run yet and may get one when the installation changes."""
        return [entry.key for entry in self if entry.verdict is not None and not entry.verdict.final]


_KEPT = ("deletionPolicy",)  # of the spec: it says together with the finalizer whether it is held
_KEPT_SHOWN = ("phase", *SETTLED)  # of the status: what the ledger may have counted beyond it


def _at_rest(simulation: Simulation) -> Entry:
    """A new one: whoever still holds the old one finds that it isn't in the roster any more."""
    shown = {name: simulation.status[name] for name in _KEPT_SHOWN if name in simulation.status}
    return Entry(
        simulation=replace(simulation, spec={name: simulation.spec[name] for name in _KEPT if name in simulation.spec}, status=shown),
        observed_generation=simulation.generation,
        written=shown,
        version=simulation.version,
        resting=True,
        rests_until_ms=rests_until_ms(simulation),
    )
