"""Archiving what a run created: exactly that, deals before contacts before companies, and again later for what came after.

First all that the ledger knows: the objects it has ids of, and by their keys those of records that were begun and not delivered. Then what
a search for the run's id finds. HubSpot takes no fence: a write that was under way when its worker lost the claim may arrive after that.
So, once no such write can be alive any more, all of that is looked for again, until a round finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from simulation_core.ledger import control, created
from simulation_core.ledger.created import BegunBatch
from simulation_core.ledger.errands import Done, ErrandEnd, Later
from simulation_core.ledger.values import Run, RunState
from simulation_core.object_keys import object_key, object_type
from simulation_core.queue.names import Kind
from simulation_core.reasons import Reason
from simulation_core.spec import Records, Scenario
from simulation_worker.crm.client import CALL_DEADLINE_SECONDS
from simulation_worker.crm.objects import A_PAGE, Objects, RefusedError
from simulation_worker.deliver import LEASE_MS
from simulation_worker.errands import Handler, Undertaking
from simulation_worker.verifying import REFUSED_AGAIN_MS, types_of

RECORDS_A_STEP = 1_000
CLAIMS_AGAIN_MS = 2_000
SWEEP_AGAIN_MS = LEASE_MS + round(CALL_DEADLINE_SECONDS * 1000)  # by then every write that a lost claim began has arrived, and can be found

LOOKED_FOR_AGAIN = (
    f"It ends once nothing more is found {SWEEP_AGAIN_MS // 1000} seconds later: HubSpot may carry out a write after its sender gave up."
)


class Archival(BaseModel):
    """How far it is: stored as JSON after each step. Rounds are counted from 0."""

    total: int | None = None  # None: not counted yet
    done: int = 0
    round: int = 0
    found: int = 0  # in this round
    read_after: int | None = -1  # the last batch that was seen to; None: all were
    searching: int = 0  # which type
    search_after: int = 0  # the last id that was seen

    def next_round(self) -> Archival:
        return Archival(total=self.total, done=self.done, round=self.round + 1)

    @property
    def result(self) -> dict[str, int]:
        return {"done": self.done, "total": max(self.done, self.total or 0)}


def archive(undertaking: Undertaking, *, sweep_again_ms: int = SWEEP_AGAIN_MS) -> ErrandEnd:
    """Begins where an earlier attempt saved."""
    run = undertaking.errand.run
    if run.run_state is not RunState.DELETED:
        return Later(wait_ms=CLAIMS_AGAIN_MS, reason=Reason.DRAINING, message="The run has not been ended yet.")
    if left := control.claims_left(undertaking.engine, run.id):
        message = f"Draining {left}: batches that were begun are being finished; then what was created is archived."
        return Later(wait_ms=CLAIMS_AGAIN_MS, reason=Reason.DRAINING, message=message)
    try:
        return _Archiver(undertaking, sweep_again_ms).go_on()
    except RefusedError as error:
        return Later(wait_ms=REFUSED_AGAIN_MS, reason=Reason.PORTAL_UNAVAILABLE, message=str(error))


HANDLER = Handler(kind=Kind.ARCHIVE, perform=archive, at_once=1)


class _Archiver:
    def __init__(self, undertaking: Undertaking, sweep_again_ms: int) -> None:
        self._of = undertaking
        self._run = undertaking.errand.run
        self._engine = undertaking.engine
        self._sweep_again_ms = sweep_again_ms
        self._crm: Objects = undertaking.desk.objects(undertaking.lease, undertaking.stopping.wait)
        self._state = Archival.model_validate(undertaking.errand.progress)
        self._types = list(reversed(types_of(self._run)))
        self._roles = list(_roles(self._run))

    def go_on(self) -> ErrandEnd:
        if self._state.total is None:
            self._state.total = sum(created.count(self._engine, self._run.id).values())
            self._save()
        if not (self._from_ledger() and self._from_search()):
            return Later()
        if self._state.round > 0 and self._state.found == 0:
            return Done(result=self._state.result)
        self._state = self._state.next_round()
        self._save()
        return Later(wait_ms=self._sweep_again_ms, reason=Reason.ARCHIVING, message=LOOKED_FOR_AGAIN)

    def _from_ledger(self) -> bool:
        """False: told to stop."""
        state = self._state
        if state.read_after is None:
            return True
        for batches in created.chunks(self._engine, self._run, after=state.read_after, least=RECORDS_A_STEP):
            if self._of.stopping.is_set():
                return False
            for type_ in self._types:
                self._archive(type_, self._known(type_, batches))
            state.read_after = batches[-1].number
            self._save()
        state.read_after = None
        self._save()
        return True

    def _known(self, type_: str, batches: Sequence[BegunBatch]) -> list[str]:
        """In the first round by id what was delivered; by key what may be there besides, in later rounds as well."""
        ids = [each.crm_id for batch in batches for each in batch.objects if object_type(each.role) == type_]
        keys = [key for batch in batches for key in self._doubtful(type_, batch)]
        by_key = self._crm.by_key(type_, keys) if keys else {}
        return [*({} if self._state.round else dict.fromkeys(ids)), *by_key.values()]

    def _doubtful(self, type_: str, batch: BegunBatch) -> list[str]:
        """Keys under which a delivery may have written that the ledger was not told of."""
        roles = [role for role in self._roles if object_type(role) == type_]
        keys = [object_key(self._run.id, record, role) for record in batch.others for role in roles]
        rewritten = self._state.round > 0 and batch.attempt > 1
        return [*keys, *(each.key for each in batch.objects if rewritten and object_type(each.role) == type_)]

    def _from_search(self) -> bool:
        """False: told to stop."""
        state = self._state
        while state.searching < len(self._types):
            if self._of.stopping.is_set():
                return False
            type_ = self._types[state.searching]
            hits = self._crm.search(type_, self._run.id, after=state.search_after)
            self._archive(type_, self._crm.still_there(type_, [str(id_) for id_, _ in hits]))
            if len(hits) < A_PAGE:
                state.searching, state.search_after = state.searching + 1, 0
            else:
                state.search_after = hits[-1][0]
            self._save()
        return True

    def _archive(self, type_: str, ids: Sequence[str]) -> None:
        unique = list(dict.fromkeys(ids))
        self._crm.archive(type_, unique)
        self._state.done += len(unique)
        self._state.found += len(unique)

    def _save(self) -> None:
        self._of.lease.beat()
        saved: dict[str, Any] = self._state.model_dump(mode="json")
        self._of.save(saved)


def _roles(run: Run) -> Iterator[str]:
    """All that a record of the run can have."""
    records = Records.model_validate(run.spec.get("records", {}))
    is_b2b = run.scenario == Scenario.B2B
    if is_b2b:
        yield "c"
    yield from (f"p{index}" for index in range(records.contacts_per_company.max if is_b2b else 1))
    if records.deals.percent:
        yield "d"
