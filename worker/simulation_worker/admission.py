"""Which runs a portal can take: it is asked once whether it has what a run's spec names, before the run's first write.

A run that names what the portal lacks waits, says so in its condition, and goes on by itself once somebody mended it. None of its records
fails, also when what was there is lost half-way: before any record is failed for good, the portal is asked again, or
was a moment ago because of one that was refused alike.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from simulation_core.ledger.portals import run_on
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_worker.acquittals import Acquittals
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import NOWHERE, Part, deliver_records
from simulation_worker.crm.errors import FenceLostError, PausedError, PortalHeldError
from simulation_worker.crm.fates import Postponed, RecordFate, Rejected
from simulation_worker.crm.inventory import Inventory
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.wants import LackingError, Stages

log = logging.getLogger(__name__)

AGAIN_MS = 30_000
CHANGED_MS = 1_000  # what was missing is there again
RUNS_KNOWN = 2_000  # the oldest is asked about again

Tell = Callable[[str, Reason | None, str, int], None]  # whose problem, why (None: it is over), in words, milliseconds until the next look


@dataclass(frozen=True)
class Held:
    """A run that the portal can't take."""

    reason: Reason
    message: str
    until_s: float

    def wait_ms(self, now_s: float) -> int:
        return max(1, round((self.until_s - now_s) * 1000))


class Admission:
    """Of one portal, for all its slots."""

    def __init__(self, portal: Portal, tell: Tell, grant: Callable[[int], int], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._portal = portal
        self._tell = tell
        self._clock = clock
        self.quarantine = Quarantine(grant, clock=clock)
        self._inventory = Inventory(portal, clock=clock)
        self._acquittals = Acquittals()
        self._known: dict[UUID, Stages | Held] = {}
        self._lock = threading.Lock()

    def deliver(self, client: CrmClient, parts: Sequence[Part], leaving: Callable[[], bool]) -> list[dict[int, RecordFate]]:
        """Of what the portal can take; the rest is postponed. Raises PortalHeldError."""
        began_s = self._clock()
        standing = [self._standing(client, part) for part in parts]
        going = [replace(part, stages=stages) for part, stages in zip(parts, standing, strict=True) if isinstance(stages, Stages)]
        fates = deliver_records(client, going, self.quarantine, clock=self._clock, leaving=leaving) if going else []
        answered_s = self._clock()
        delivered = iter([self._spared(client, part, of_part, began_s, answered_s) for part, of_part in zip(going, fates, strict=True)])
        return [
            _postponed(part.numbers, held, held.wait_ms(self._clock())) if isinstance(held, Held) else next(delivered)
            for part, held in zip(parts, standing, strict=True)
        ]

    def _standing(self, client: CrmClient, part: Part) -> Stages | Held:
        if not part.wants.anything:
            return NOWHERE
        known = self._known.get(part.marks.simulation_id)
        if known is None or (isinstance(known, Held) and known.until_s <= self._clock()):
            known = self._ask(client, part, None)
        return known

    def _ask(self, client: CrmClient, part: Part, not_before_s: float | None) -> Stages | Held:
        try:
            found: Stages | Held = self._inventory.check(client, part.wants, not_before_s=not_before_s) or NOWHERE
        except LackingError as lacking:
            found = self._held(Reason.NOT_IN_PORTAL, f"portal {self._portal.name}: {lacking}; the run goes on once it is mended there")
        except PortalHeldError as held:
            if held.reason is not Reason.SCOPE_MISSING:
                raise
            found = self._held(held.reason, str(held))
        except (FenceLostError, PausedError) as stop:
            return self._stopped(stop)
        self._note(part, found)
        return found

    def _note(self, part: Part, found: Stages | Held) -> None:
        run = part.marks.simulation_id
        with self._lock:
            before = self._known.pop(run, None)
            self._known[run] = found
            while len(self._known) > RUNS_KNOWN:
                del self._known[next(iter(self._known))]
        if isinstance(found, Held):
            log.warning("Simulation %s waits: %s", part.marks.full_name, found.message)
            self._tell(run_on(self._portal.name, run), found.reason, found.message, AGAIN_MS)
        elif before != found:  # what an earlier worker told of it may stand in the ledger
            self._tell(run_on(self._portal.name, run), None, "", 0)

    def _held(self, reason: Reason, message: str) -> Held:
        return Held(reason, message, self._clock() + AGAIN_MS / 1000)

    def _stopped(self, stop: FenceLostError | PausedError) -> Held:
        """No call may be made any more, so it isn't known whether the portal can take the run: that is for the next attempt."""
        return Held(stop.reason, str(stop), self._clock() + stop.wait_ms / 1000)

    def _spared(
        self, client: CrmClient, part: Part, fates: Mapping[int, RecordFate], began_s: float, answered_s: float
    ) -> dict[int, RecordFate]:
        """Records that were rejected because the portal lost what they need wait instead. `part` as it was delivered."""
        missing = next((f for f in fates.values() if isinstance(f, Postponed) and f.reason is Reason.SCOPE_MISSING), None)
        if missing and part.wants.deals:
            self._note(part, self._held(missing.reason, f"portal {self._portal.name}: {missing.message}"))
        rejected = {number: fate for number, fate in fates.items() if isinstance(fate, Rejected)}
        held = self._to_blame(client, part, rejected, len(fates), began_s, answered_s) if rejected else None
        return {**fates, **(_postponed(rejected, held, held.wait_ms(self._clock())) if held else {})}

    def _to_blame(
        self, client: CrmClient, part: Part, rejected: Mapping[int, Rejected], of: int, began_s: float, answered_s: float
    ) -> Held | None:
        """What the portal lacks, or lacked since the delivery began."""
        single = len(rejected) < of and not any(fate.with_its_call for fate in rejected.values())
        try:
            if single and self._is_acquitted(client, part, rejected, answered_s):
                return None
            held = self._lost(client, part, answered_s, None if single else began_s)
        except (FenceLostError, PausedError) as stop:
            return self._stopped(stop)
        except PortalHeldError as unread:  # what was delivered is delivered
            return Held(unread.reason, str(unread), self._clock() + unread.wait_ms / 1000)
        if held is None:
            self._acquittals.add(rejected.values(), answered_s)
        return held

    def _lost(self, client: CrmClient, part: Part, answered_s: float, ours_since_s: float | None) -> Held | None:
        """Judged by nothing that was read before its last answer came. `ours_since_s`: also whether it lost our own properties since."""
        kinds = [] if ours_since_s is None else part.object_types
        if created := [name for kind in kinds for name in self._inventory.created(client, kind, answered_s, since_s=ours_since_s)]:
            message = f"portal {self._portal.name} had lost our properties {', '.join(created)}; they were created anew"
            log.warning("%s", message)
            return self._soon(Reason.PROPERTY_UNUSABLE, message)
        found = self._ask(client, part, answered_s) if part.wants.anything else part.stages
        if isinstance(found, Held):
            return found
        changed = f"the stages of deals in portal {self._portal.name} have changed"
        return self._soon(Reason.NOT_IN_PORTAL, changed) if found != part.stages else None

    def _is_acquitted(self, client: CrmClient, part: Part, rejected: Mapping[int, Rejected], answered_s: float) -> bool:
        """Only that the portal lacks nothing is taken from what was read a little before."""
        since_s = self._acquittals.since_s(rejected.values(), answered_s)
        if since_s is None:
            return False
        try:
            return (self._inventory.check(client, part.wants, not_before_s=since_s) or NOWHERE) == part.stages
        except LackingError:
            return False

    def _soon(self, reason: Reason, message: str) -> Held:
        return Held(reason, message, self._clock() + CHANGED_MS / 1000)


def _postponed(records: Iterable[int], held: Held, wait_ms: int) -> dict[int, RecordFate]:
    fate = Postponed(reason=held.reason, message=held.message, wait_ms=wait_ms, counts_as_try=False)
    return dict.fromkeys(records, fate)
