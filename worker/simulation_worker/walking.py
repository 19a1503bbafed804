"""Walking through all that a run created: what the ledger knows, batch by batch, then what a search for the run's id finds.

Verifying and archiving both do it. Where they are is saved after each step, so that another attempt goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel

from simulation_core.ledger import created
from simulation_core.ledger.created import BegunBatch
from simulation_core.ledger.errands import ErrandEnd, Later
from simulation_core.ledger.values import Run
from simulation_core.object_keys import COMPANIES, CONTACTS, DEALS, object_type, parse_object_key
from simulation_core.reasons import Reason
from simulation_core.spec import Records, Scenario
from simulation_worker.crm.objects import A_PAGE, Objects, RefusedError
from simulation_worker.errands import Undertaking

RECORDS_A_STEP = 1_000  # what is read between two savings
REFUSED_AGAIN_MS = 60_000

Hit = tuple[int, str]  # an object's id and key, as a search shows them


class Place(BaseModel):
    """How far it is: stored as JSON, with what whoever walks has counted."""

    read_after: int | None = -1  # the last batch that was seen to; None: all were
    searching: int = 0  # which type
    search_after: int = 0  # the last id that was seen


AnyPlace = TypeVar("AnyPlace", bound=Place)


class Walk(Generic[AnyPlace]):
    """Begins at `place`. Raises FenceLostError when the errand is another worker's by now."""

    def __init__(self, undertaking: Undertaking, place: AnyPlace, types: Sequence[str]) -> None:
        self.run = undertaking.errand.run
        self.engine = undertaking.engine
        self.crm: Objects = undertaking.desk.objects(undertaking.lease, undertaking.stopping.wait)
        self.place = place
        self.types = types
        self._of = undertaking

    def through_ledger(self, see: Callable[[Sequence[BegunBatch]], None]) -> bool:
        """Every batch that was begun, some at a time. False: told to stop."""
        place = self.place
        if place.read_after is None:
            return True
        for batches in created.chunks(self.engine, self.run, after=place.read_after, least=RECORDS_A_STEP):
            if self._of.stopping.is_set():
                return False
            see(batches)
            place.read_after = batches[-1].number
            self.save()
        place.read_after = None
        self.save()
        return True

    def through_search(self, see: Callable[[str, Sequence[Hit]], None]) -> bool:
        """Of each type what carries the run's id, a page at a time. False: told to stop."""
        place = self.place
        while place.searching < len(self.types):
            if self._of.stopping.is_set():
                return False
            type_ = self.types[place.searching]
            hits = self.crm.search(type_, self.run.id, after=place.search_after)
            see(type_, hits)
            if len(hits) < A_PAGE:
                place.searching, place.search_after = place.searching + 1, 0
            else:
                place.search_after = hits[-1][0]
            self.save()
        return True

    def save(self) -> None:
        self._of.lease.beat()
        self._of.save(self.place.model_dump(mode="json"))


def own_part(run: Run, type_: str, key: str) -> tuple[int, str] | None:
    """Record and role of an object of this run. None: it carries the run's id, which anybody may write, and not a key of the run's."""
    parsed = parse_object_key(key)
    if parsed is None or parsed[0] != run.id or object_type(parsed[2]) != type_:
        return None
    return parsed[1:]


def types_of(run: Run) -> list[str]:
    """What the run may have created."""
    records = Records.model_validate(run.spec.get("records", {}))
    companies = [COMPANIES] if run.scenario == Scenario.B2B else []
    return [*companies, CONTACTS, *([DEALS] if records.deals.percent else [])]


def unless_refused(go_on: Callable[[], ErrandEnd]) -> ErrandEnd:
    """Where HubSpot refuses a call of ours, another time: from the place that was saved last."""
    try:
        return go_on()
    except RefusedError as error:
        return Later(wait_ms=REFUSED_AGAIN_MS, reason=Reason.PORTAL_UNAVAILABLE, message=str(error))
