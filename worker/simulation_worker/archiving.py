"""Archiving what a run created: exactly that, deals before contacts before companies, and again later for what came after.

First all that the ledger knows: the objects it has ids of, and by their keys those of records that were begun and not delivered. Then what
a search for the run's id finds under keys of the run. HubSpot takes no fence: a write that was under way when its worker lost the claim may
arrive after that.
So, once no such write can be alive any more, all of that is looked for again, until a round finds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from simulation_core.content.keys import COMPANY, DEAL, contact_role
from simulation_core.kinds import Kind
from simulation_core.ledger import control, created
from simulation_core.ledger.created import BegunBatch
from simulation_core.ledger.errands import Done, ErrandEnd, Later
from simulation_core.ledger.values import Run, RunState
from simulation_core.object_keys import object_key, object_type
from simulation_core.reasons import Reason
from simulation_core.spec import Records, Scenario
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.deliver import LEASE_MS
from simulation_worker.errands import Handler, Undertaking
from simulation_worker.walking import Hit, Place, Walk, own_part, types_of, unless_refused

log = logging.getLogger(__name__)

CLAIMS_AGAIN_MS = 2_000
SWEEP_AGAIN_MS = LEASE_MS + round(CALL_DEADLINE_SECONDS * 1000)  # by then every write that a lost claim began has arrived, and can be found

LOOKED_FOR_AGAIN = (
    f"It ends once nothing more is found {SWEEP_AGAIN_MS // 1000} seconds later: HubSpot may carry out a write after its sender gave up."
)
LEFT = "Left as they are: {} objects that carry the run's simulation_id, but no simulation_key of the run's; somebody else wrote them."


class Archival(Place):
    """Rounds are counted from 0."""

    total: int | None = None  # None: not counted yet
    done: int = 0
    round: int = 0
    found: int = 0  # in this round
    left: int = 0  # in this round: objects under the run's id that somebody else wrote

    def next_round(self) -> Archival:
        return Archival(total=self.total, done=self.done, round=self.round + 1)

    @property
    def result(self) -> dict[str, int]:
        left = {"left": self.left} if self.left else {}
        return {"done": self.done, "total": max(self.done, self.total or 0), **left}


def archive(undertaking: Undertaking, *, sweep_again_ms: int = SWEEP_AGAIN_MS) -> ErrandEnd:
    """Begins where an earlier attempt saved."""
    run = undertaking.errand.run
    if run.run_state is not RunState.DELETED:
        return Later(wait_ms=CLAIMS_AGAIN_MS, reason=Reason.DRAINING, message="The run has not been ended yet.")
    if left := control.claims_left(undertaking.engine, run.id):
        message = f"Draining {left}: batches that were begun are being finished; then what was created is archived."
        return Later(wait_ms=CLAIMS_AGAIN_MS, reason=Reason.DRAINING, message=message)
    return unless_refused(_Archiver(undertaking, sweep_again_ms).go_on)


HANDLER = Handler(kind=Kind.ARCHIVE, perform=archive, at_once=1)


class _Archiver:
    def __init__(self, undertaking: Undertaking, sweep_again_ms: int) -> None:
        run = undertaking.errand.run
        self._sweep_again_ms = sweep_again_ms
        self._walk = Walk(undertaking, Archival.model_validate(undertaking.errand.progress), list(reversed(types_of(run))))
        self._roles = list(_roles(run))

    @property
    def _state(self) -> Archival:
        return self._walk.place

    def go_on(self) -> ErrandEnd:
        walk = self._walk
        if self._state.total is None:
            self._state.total = sum(created.count(walk.engine, walk.run.id).values())
            walk.save()
        if not (walk.through_ledger(self._archive_known) and walk.through_search(self._archive_found)):
            return Later()
        state = self._state
        if state.left:
            log.info("%d objects with simulation_id %s are left: their keys aren't this run's", state.left, walk.run.id)
        if state.round > 0 and state.found == 0:
            return Done(result=state.result)
        message = f"{LEFT.format(state.left)} {LOOKED_FOR_AGAIN}" if state.left else LOOKED_FOR_AGAIN
        walk.place = state.next_round()
        walk.save()
        return Later(wait_ms=self._sweep_again_ms, reason=Reason.ARCHIVING, message=message)

    def _archive_known(self, batches: Sequence[BegunBatch]) -> None:
        for type_ in self._walk.types:
            self._archive(type_, self._known(type_, batches))

    def _archive_found(self, type_: str, hits: Sequence[Hit]) -> None:
        """A search may be behind: what it shows and is archived already isn't counted again.

        The property with the run's id isn't unique, and goes along when somebody clones or imports a record: that one isn't ours.
        """
        ours = [str(id_) for id_, key in hits if own_part(self._walk.run, type_, key)]
        self._state.left += len(hits) - len(ours)
        self._archive(type_, self._walk.crm.still_there(type_, ours) if ours else [])

    def _known(self, type_: str, batches: Sequence[BegunBatch]) -> list[str]:
        """In the first round by id what was delivered; by key what may be there besides, in later rounds as well."""
        ids = [each.crm_id for batch in batches for each in batch.objects if object_type(each.role) == type_]
        keys = [key for batch in batches for key in self._doubtful(type_, batch)]
        by_key = self._walk.crm.by_key(type_, keys) if keys else {}
        return [*({} if self._state.round else dict.fromkeys(ids)), *by_key.values()]

    def _doubtful(self, type_: str, batch: BegunBatch) -> list[str]:
        """Keys under which a delivery may have written that the ledger was not told of."""
        roles = [role for role in self._roles if object_type(role) == type_]
        keys = [object_key(self._walk.run.id, record, role) for record in batch.others for role in roles]
        rewritten = self._state.round > 0 and batch.attempt > 1
        return [*keys, *(each.key for each in batch.objects if rewritten and object_type(each.role) == type_)]

    def _archive(self, type_: str, ids: Sequence[str]) -> None:
        unique = list(dict.fromkeys(ids))
        self._walk.crm.archive(type_, unique)
        self._state.done += len(unique)
        self._state.found += len(unique)


def _roles(run: Run) -> Iterator[str]:
    """All that a record of the run can have."""
    records = Records.model_validate(run.spec.get("records", {}))
    is_b2b = run.scenario == Scenario.B2B
    if is_b2b:
        yield COMPANY
    yield from (contact_role(index) for index in range(records.contacts_per_company.max if is_b2b else 1))
    if records.deals.percent:
        yield DEAL
