"""What the operator knows of each Simulation object between reconciles. Memory only: a restart reads it all again from lists and ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from simulation_core.reasons import Reason
from simulation_operator.conditions import find
from simulation_operator.resource import Key, Simulation


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
    written: Mapping[str, Any] = field(default_factory=dict)  # the status as the API server has it, to our knowledge
    refusal: str = ""  # why the API server last refused that status, as it was logged
    version: int = 0  # the object's, when it had that status
    written_at: float = 0.0  # monotonic seconds

    @property
    def key(self) -> Key:
        return self.simulation.key

    @property
    def finished(self) -> bool:
        """The end has been shown; nothing is left to say about this Simulation."""
        return self.written.get("phase") in {"Completed", "Failed", "Cancelled"}

    @property
    def of_interest(self) -> bool:
        return not self.finished or self.simulation.deleting or _still_asked_for(self.written)


def _still_asked_for(status: Mapping[str, Any]) -> bool:
    """Something was begun after the end of the run, and its end isn't shown yet."""
    verified = find(status, "Verified")
    return verified.get("status") == "False" and verified.get("reason") != Reason.DIFFERENCES_FOUND


class Roster:
    """Entries by uid, how many complete lists in a row lacked a Simulation, and whose status should be looked at."""

    def __init__(self) -> None:
        self._entries: dict[UUID, Entry] = {}
        self._absences: dict[UUID, int] = {}
        self.unshown: set[UUID] = set()

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
        if entry is None:
            self._entries[uid] = Entry(simulation=simulation, written=simulation.status, version=simulation.version)
            return True
        if (simulation.generation, simulation.version) < (entry.simulation.generation, entry.simulation.version):
            return False
        if simulation.version > entry.version:
            entry.written, entry.version = simulation.status, simulation.version
        changed = simulation.generation > entry.simulation.generation or _asked(simulation) != _asked(entry.simulation)
        entry.simulation = simulation
        return changed

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

    def waiting(self) -> list[Key]:
        """Those that have no run yet and may get one when the installation changes."""
        return [entry.key for entry in self if entry.verdict is not None and not entry.verdict.final]


def _asked(simulation: Simulation) -> tuple[object, ...]:
    """What is asked for by other means than the spec."""
    return simulation.deleting, simulation.held, simulation.retry_token, simulation.verify_token
