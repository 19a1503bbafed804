"""Batch writes in which one bad input fails alone. Inputs are matched to answers by our keys: HubSpot keeps no order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from simulation_core.content.keys import simulation_of
from simulation_core.reasons import Reason
from simulation_worker.crm import paths
from simulation_worker.crm.answers import Answer, explained
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.errors import FenceLostError, PausedError, PortalHeldError
from simulation_worker.crm.fates import Fate, Postponed, Rejected, Written
from simulation_worker.crm.inputs import Join, Link, Object
from simulation_worker.crm.judge import TEN_SECONDS_MS, Ruling, Verdict, is_about_a_property, judge
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.reading import read_associations, read_found, read_upsert, short, tried
from simulation_worker.crm.setup import KEY

MAX_INPUTS = 100
MAX_ASSOCIATIONS = 2_000
CONTACTS, DEALS = "contacts", "deals"
EMAIL = "email"
NO_DEALS = "the token may not write deals: grant crm.objects.deals.read and crm.objects.deals.write"
SEARCH_LATER = "HubSpot refused a call with this record in it, and not all calls may go into finding out which one it is about"

Item = TypeVar("Item")


@dataclass(frozen=True)
class _Call(Generic[Item]):
    """One kind of call: how it is sent, what its answer says of each item, and how to ask which of them are there (None: not at all)."""

    kind: str
    send: Callable[[Sequence[Item]], Answer]
    read: Callable[[Sequence[Item], Answer], dict[str, Fate]]
    look_up: Callable[[Sequence[Item]], dict[str, Fate]] | None = None
    adopt: Callable[[Sequence[Item]], Answer] | None = None  # as `send`, for objects that are ours and have lost their key
    for_deals: bool = False  # a token that may not make it serves all runs without deals no less
    trying: bool = False  # with a single item, whether HubSpot answers 500 to that too
    stumbling: bool = False  # it does to some items and not to others


class BatchWriter:
    """The writes of one delivery. Once the portal asked for a pause, it makes no further call and postpones what is left.

    A call that is refused as a whole is repeated for each simulation in it; only the one that spoiled it is halved, down to the record.
    """

    def __init__(self, client: CrmClient, quarantine: Quarantine) -> None:
        self.spoilt: set[str] = set()  # simulations that had a call refused that was about them alone
        self.served: set[str] = set()  # simulations of which something was written
        self._client = client
        self._quarantine = quarantine
        self._paused: Postponed | None = None
        self._begun_s = 0.0  # the last call, by the clock of the quarantine

    def upsert(self, object_type: str, objects: Sequence[Object]) -> dict[str, Fate]:
        """The fate of each object, by key. Raises PortalHeldError when nothing more can be done for this portal."""

        def send(some: Sequence[Object], id_property: str = KEY) -> Answer:
            written = [(each.key, {KEY: each.key, **each.properties}) for each in some]
            inputs = [
                {"id": values[id_property], "idProperty": id_property, "objectWriteTraceId": key, "properties": values}
                for key, values in written
            ]
            return self._client.post(paths.upsert(object_type), {"inputs": inputs})

        def look_up(some: Sequence[Object]) -> dict[str, Fate]:
            inputs = [{"id": each.key} for each in some]
            asked = {"inputs": inputs, "idProperty": KEY, "properties": [KEY], "propertiesWithHistory": []}
            answer = self._client.post(paths.read(object_type), asked)
            return read_found(some, answer) if judge(answer).ruling is Ruling.DONE else {}

        adopt = partial(send, id_property=EMAIL) if object_type == CONTACTS else None
        call = _Call(object_type, send, read_upsert, look_up, adopt, for_deals=object_type == DEALS)
        return self._in_chunks(objects, MAX_INPUTS, call)

    def associate(self, join: Join, links: Sequence[Link]) -> dict[str, Fate]:
        """Repeating it changes nothing."""
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id} for type_id in join.type_ids]

        def send(some: Sequence[Link]) -> Answer:
            inputs = [{"from": {"id": link.from_id}, "to": {"id": link.to_id}, "types": types} for link in some]
            return self._client.post(paths.associate(join.from_type, join.to_type), {"inputs": inputs})

        kind = f"{join.from_type} to {join.to_type}"
        return self._in_chunks(links, MAX_ASSOCIATIONS, _Call(kind, send, read_associations, for_deals=join.from_type == DEALS))

    def _in_chunks(self, items: Sequence[Item], size: int, call: _Call[Item]) -> dict[str, Fate]:
        fates: dict[str, Fate] = {}
        for some in chunks(items, size):
            fates |= self._write(some, call)
        return fates

    def _write(self, items: Sequence[Item], call: _Call[Item], *, again: bool = True) -> dict[str, Fate]:
        if self._paused:
            return dict.fromkeys(map(_key, items), self._paused)
        self._begun_s = self._quarantine.clock()
        try:
            answer = call.send(items)
        except (FenceLostError, PausedError) as stop:
            return self._stop_short(items, stop)
        return self._follow(judge(answer), items, answer, call, again=again)

    def _follow(self, verdict: Verdict, items: Sequence[Item], answer: Answer, call: _Call[Item], *, again: bool) -> dict[str, Fate]:
        match verdict.ruling:
            case Ruling.DONE:
                return self._settle(items, answer, call)
            case Ruling.STOP:
                return self._stop(items, answer, verdict, call)
            case Ruling.LATER:
                return self._doubt(items, answer, verdict, call) if verdict.counts_as_try else self._postpone(items, answer, verdict)
            case Ruling.AGAIN:
                return self._write(items, call, again=False) if again else self._write_what_is_not_there(items, answer, call)
            case _:
                return self._isolate(items, answer, call)

    def _stop(self, items: Sequence[Item], answer: Answer, verdict: Verdict, call: _Call[Item]) -> dict[str, Fate]:
        assert verdict.reason is not None
        if call.for_deals and verdict.reason is Reason.SCOPE_MISSING:
            message = short(f"{NO_DEALS}; HubSpot says: {answer.message}")
            return dict.fromkeys(map(_key, items), _waiting(verdict.reason, message, verdict.wait_ms))
        raise PortalHeldError(verdict.reason, short(explained(verdict.reason, answer)), verdict.wait_ms)

    def _settle(self, items: Sequence[Item], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        """Fates as the answer names them. What it didn't name is asked for again in halves; a single one counts a try."""
        fates = call.read(items, answer)
        if written := [key for key, fate in fates.items() if isinstance(fate, Written)]:
            self._quarantine.suspects.succeeded(call.kind, written, self._begun_s)
            self.served |= set(map(simulation_of, written))
        unnamed = [item for item in items if _key(item) not in fates]
        if not unnamed:
            return fates
        if len(unnamed) < len(items) or len(items) > 1:
            return fates | self._halves(unnamed, answer, call)
        return {_key(items[0]): tried("HubSpot's answer did not say what became of the record", answer.correlation_id)}

    def _doubt(self, items: Sequence[Item], answer: Answer, verdict: Verdict, call: _Call[Item]) -> dict[str, Fate]:
        """A 500: HubSpot is out of order, which costs no record a try, or it stumbles over one of these. Single ones tell which."""
        if call.trying:
            return {}
        keys = [_key(item) for item in items]
        to_blame = self._quarantine.suspects.are_to_blame(call.kind, keys)
        if len(items) > 1:
            if call.stumbling:
                return self._halves(items, answer, call)
            tried_singly, fates = self._try_singly(items, call)
            if fates:
                rest = [item for item in items if _key(item) not in fates]
                return fates | self._halves(rest, answer, replace(call, stumbling=True))
            if not tried_singly and to_blame:
                return _later(items, answer)
        if call.stumbling or to_blame:
            self.spoilt |= {simulation_of(key) for key in keys}
            return self._postpone(items, answer, verdict)
        return self._postpone(items, answer, replace(verdict, counts_as_try=False))

    def _try_singly(self, items: Sequence[Item], call: _Call[Item]) -> tuple[bool, dict[str, Fate]]:
        """Whether there were calls to try two of them, chosen by chance; and the fate of the first that is answered otherwise."""
        for item in random.sample(items, 2):
            if not self._quarantine.may_search():
                return False, {}
            if fates := self._write([item], replace(call, look_up=None, trying=True), again=False):
                return True, fates
        return True, {}

    def _write_what_is_not_there(self, items: Sequence[Item], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        """A conflict that stays: perhaps another worker, thought dead, has just written them. Their content is the same then."""
        if call.look_up is None or not self._quarantine.may_search():
            return self._adopt(items, answer, call)
        try:
            found = call.look_up(items)
        except (FenceLostError, PausedError) as stop:
            return self._stop_short(items, stop)
        left = [item for item in items if _key(item) not in found]
        if not found or not left:
            return found or self._adopt(items, answer, call)
        return found | self._write(left, call, again=False)

    def _adopt(self, items: Sequence[Item], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        """A conflict over contacts that aren't there by our key: they may have lost it with the property. Their e-mails have it, too."""
        if call.adopt is None or not all(carries_its_key(item) for item in items):
            return self._isolate(items, answer, call)
        return self._write(items, replace(call, send=call.adopt, look_up=None, adopt=None), again=False)

    def _isolate(self, items: Sequence[Item], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        by_simulation: dict[str, list[Item]] = {}
        for item in items:
            by_simulation.setdefault(simulation_of(_key(item)), []).append(item)
        if len(by_simulation) > 1:
            return self._split(list(by_simulation.values()), answer, call)
        self.spoilt |= by_simulation.keys()
        if len(items) == 1 or is_about_a_property(answer.body):
            fate = Rejected(
                reason=Reason.RECORD_REJECTED, message=short(answer.message), correlation_id=answer.correlation_id, with_its_call=True
            )
            return dict.fromkeys(map(_key, items), fate)
        return self._halves(items, answer, call)

    def _split(self, runs: Sequence[Sequence[Item]], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        """In two, so that of a hundred runs the one that spoils the call is met alone after seven more, and the others are written."""
        middle = (len(runs) + 1) // 2
        halves = [[item for run in some for item in run] for some in (runs[:middle], runs[middle:])]
        return self._write_each(halves, answer, call, again=True)

    def _halves(self, items: Sequence[Item], answer: Answer, call: _Call[Item]) -> dict[str, Fate]:
        middle = (len(items) + 1) // 2
        halves = [half for half in (items[:middle], items[middle:]) if half]
        return self._write_each(halves, answer, replace(call, look_up=None), again=False)

    def _write_each(self, parts: Sequence[Sequence[Item]], answer: Answer, call: _Call[Item], *, again: bool) -> dict[str, Fate]:
        """As far as there are calls for finding out."""
        fates: dict[str, Fate] = {}
        for some in parts:
            fates |= self._write(some, call, again=again) if self._quarantine.may_search() else _later(some, answer)
        return fates

    def _stop_short(self, items: Sequence[Item], stop: FenceLostError | PausedError) -> dict[str, Fate]:
        """No call may be made any more; what was written so far keeps its fate."""
        self._paused = _waiting(stop.reason, str(stop), stop.wait_ms)
        return dict.fromkeys(map(_key, items), self._paused)

    def _postpone(self, items: Sequence[Item], answer: Answer, verdict: Verdict) -> dict[str, Fate]:
        assert verdict.reason is not None
        fate = Postponed(
            reason=verdict.reason,
            message=short(answer.message if verdict.counts_as_try else explained(verdict.reason, answer)),
            wait_ms=verdict.wait_ms,
            counts_as_try=verdict.counts_as_try,
            correlation_id=answer.correlation_id,
        )
        if not verdict.counts_as_try:  # the portal's trouble; what may be these records' own fault holds up no others
            self._paused = fate
        return dict.fromkeys(map(_key, items), fate)


def _later(items: Sequence[Any], answer: Answer) -> dict[str, Fate]:
    """What is wrong with one of them is found out when there are calls for it. No try: most of them are fine."""
    message = short(f"{SEARCH_LATER}: {answer.message}")
    return dict.fromkeys(map(_key, items), _waiting(Reason.RECORD_REJECTED, message, TEN_SECONDS_MS))


def _waiting(reason: Reason, message: str, wait_ms: int) -> Postponed:
    """Through no fault of the record's."""
    return Postponed(reason=reason, message=message, wait_ms=wait_ms, counts_as_try=False)


def carries_its_key(item: Any) -> bool:
    """Whether the contact's e-mail is of our making, and not one that somebody set for it."""
    return isinstance(item, Object) and item.key in str(item.properties.get(EMAIL, ""))


def _key(item: Any) -> str:
    return str(item.key)


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
