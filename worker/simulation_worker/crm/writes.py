"""Batch writes in which one bad input fails alone. Inputs are matched to answers by our keys: HubSpot keeps no order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from simulation_core.reasons import Reason
from simulation_worker.crm import paths
from simulation_worker.crm.answers import Answer, explained
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.errors import FenceLostError, PausedError, PortalHeldError
from simulation_worker.crm.fates import Fate, Postponed, Rejected, Written
from simulation_worker.crm.judge import BROKEN_MS, Ruling, Verdict, judge, may_pass
from simulation_worker.crm.setup import KEY

MAX_INPUTS = 100
MAX_ASSOCIATIONS = 2_000
MESSAGE_CHARACTERS = 500

Item = TypeVar("Item")


@dataclass(frozen=True)
class Object:
    """One object to write. Its key is also its objectWriteTraceId, by which a 207 names it."""

    key: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Join:
    """A way in which two objects belong together, as HubSpot's own types of association."""

    from_type: str
    to_type: str
    type_ids: tuple[int, ...]


CONTACT_TO_COMPANY = Join("contacts", "companies", (279, 1))  # 1: it is the contact's primary company
DEAL_TO_COMPANY = Join("deals", "companies", (341, 5))  # 5: it is the deal's primary company
DEAL_TO_CONTACT = Join("deals", "contacts", (3,))
JOINS = (CONTACT_TO_COMPANY, DEAL_TO_COMPANY, DEAL_TO_CONTACT)


@dataclass(frozen=True)
class Link:
    """Two objects to be joined. The key is that of the first."""

    key: str
    from_id: str
    to_id: str


class BatchWriter:
    """The writes of one delivery. Once the portal asked for a pause, it makes no further call and postpones what is left."""

    def __init__(self, client: CrmClient) -> None:
        self._client = client
        self._paused: Postponed | None = None

    def upsert(self, object_type: str, objects: Sequence[Object]) -> dict[str, Fate]:
        """The fate of each object, by key. Raises PortalHeldError when nothing more can be done for this portal."""

        def send(some: Sequence[Object]) -> Answer:
            inputs = [
                {"id": each.key, "idProperty": KEY, "objectWriteTraceId": each.key, "properties": {KEY: each.key, **each.properties}}
                for each in some
            ]
            return self._client.post(paths.upsert(object_type), {"inputs": inputs})

        return self._in_chunks(objects, MAX_INPUTS, send, _read_upsert)

    def associate(self, join: Join, links: Sequence[Link]) -> dict[str, Fate]:
        """Repeating it changes nothing."""
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id} for type_id in join.type_ids]

        def send(some: Sequence[Link]) -> Answer:
            inputs = [{"from": {"id": link.from_id}, "to": {"id": link.to_id}, "types": types} for link in some]
            return self._client.post(paths.associate(join.from_type, join.to_type), {"inputs": inputs})

        return self._in_chunks(links, MAX_ASSOCIATIONS, send, _read_associations)

    def _in_chunks(self, items: Sequence[Item], size: int, send: _Send[Item], read: _Read[Item]) -> dict[str, Fate]:
        fates: dict[str, Fate] = {}
        for some in _chunks(items, size):
            fates |= self._write(some, send, read)
        return fates

    def _write(self, items: Sequence[Item], send: _Send[Item], read: _Read[Item], *, again: bool = True) -> dict[str, Fate]:
        if self._paused:
            return dict.fromkeys(map(_key, items), self._paused)
        try:
            answer = send(items)
        except (FenceLostError, PausedError) as stop:
            return self._stop_short(items, stop)
        verdict = judge(answer)
        match verdict.ruling:
            case Ruling.DONE:
                return self._settle(items, answer, send, read)
            case Ruling.STOP:
                assert verdict.reason is not None
                raise PortalHeldError(verdict.reason, _short(explained(verdict.reason, answer)), verdict.wait_ms)
            case Ruling.LATER:
                return self._postpone(items, answer, verdict)
            case Ruling.AGAIN if again:
                return self._write(items, send, read, again=False)
            case _:
                return self._isolate(items, answer, send, read)

    def _settle(self, items: Sequence[Item], answer: Answer, send: _Send[Item], read: _Read[Item]) -> dict[str, Fate]:
        """Fates as the answer names them. What it didn't name is asked for again in halves; a single one counts a try."""
        fates = read(items, answer)
        unnamed = [item for item in items if _key(item) not in fates]
        if not unnamed:
            return fates
        if len(unnamed) < len(items) or len(items) > 1:
            return fates | self._halves(unnamed, send, read)
        return {_key(items[0]): _tried("HubSpot's answer did not say what became of the record", answer.correlation_id)}

    def _isolate(self, items: Sequence[Item], answer: Answer, send: _Send[Item], read: _Read[Item]) -> dict[str, Fate]:
        if len(items) == 1:
            return {
                _key(items[0]): Rejected(
                    reason=Reason.RECORD_REJECTED, message=_short(answer.message), correlation_id=answer.correlation_id
                )
            }
        return self._halves(items, send, read)

    def _halves(self, items: Sequence[Item], send: _Send[Item], read: _Read[Item]) -> dict[str, Fate]:
        middle = (len(items) + 1) // 2
        fates: dict[str, Fate] = {}
        for half in (items[:middle], items[middle:]):
            if half:
                fates |= self._write(half, send, read)
        return fates

    def _stop_short(self, items: Sequence[Item], stop: FenceLostError | PausedError) -> dict[str, Fate]:
        """No call may be made any more; what was written so far keeps its fate."""
        self._paused = Postponed(reason=stop.reason, message=str(stop), wait_ms=stop.wait_ms, counts_as_try=False)
        return dict.fromkeys(map(_key, items), self._paused)

    def _postpone(self, items: Sequence[Item], answer: Answer, verdict: Verdict) -> dict[str, Fate]:
        assert verdict.reason is not None
        fate = Postponed(
            reason=verdict.reason,
            message=_short(answer.message if verdict.counts_as_try else explained(verdict.reason, answer)),
            wait_ms=verdict.wait_ms,
            counts_as_try=verdict.counts_as_try,
            correlation_id=answer.correlation_id,
        )
        if not verdict.counts_as_try:  # the portal's trouble; what may be these records' own fault holds up no others
            self._paused = fate
        return dict.fromkeys(map(_key, items), fate)


_Send = Callable[[Sequence[Item]], Answer]
_Read = Callable[[Sequence[Item], Answer], dict[str, Fate]]


def _read_upsert(objects: Sequence[Object], answer: Answer) -> dict[str, Fate]:
    wanted = {each.key for each in objects}
    fates: dict[str, Fate] = {}
    for result in answer.results:
        key = (result.get("properties") or {}).get(KEY) or result.get("objectWriteTraceId")
        if key in wanted and result.get("id"):
            fates[str(key)] = Written(crm_id=str(result["id"]))
    for error in answer.errors:
        for key in (error.get("context") or {}).get("objectWriteTraceId") or ():
            if key in wanted:
                fates[str(key)] = _failed(error, answer)
    return fates


def _read_associations(links: Sequence[Link], answer: Answer) -> dict[str, Fate]:
    """Only errors are named: an object that is gone. It is made again on the next try, so it counts as one and does not fail."""
    gone = {
        str(crm_id)
        for error in answer.errors
        for side in ("fromObjectId", "toObjectId")
        for crm_id in (error.get("context") or {}).get(side) or ()
    }
    if answer.errors and not gone:
        return {}
    return {
        link.key: _tried("an object to be joined was gone", answer.correlation_id)
        if {link.from_id, link.to_id} & gone
        else Written(crm_id=link.from_id)
        for link in links
    }


def _failed(error: Mapping[str, Any], answer: Answer) -> Fate:
    message = _short(str(error.get("message") or "HubSpot refused the record without a word"))
    correlation_id = error.get("correlationId") or answer.correlation_id
    if may_pass(error):
        return _tried(message, correlation_id)
    return Rejected(reason=Reason.RECORD_REJECTED, message=message, correlation_id=correlation_id)


def _tried(message: str, correlation_id: str | None) -> Postponed:
    return Postponed(reason=Reason.RETRIES_EXHAUSTED, message=message, wait_ms=BROKEN_MS, counts_as_try=True, correlation_id=correlation_id)


def _key(item: Any) -> str:
    return str(item.key)


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _short(message: str) -> str:
    return message if len(message) <= MESSAGE_CHARACTERS else message[: MESSAGE_CHARACTERS - 1] + "…"
