"""Records into HubSpot: companies, then contacts, then deals, then what joins them. A record is delivered when all of it is there.

Records flow through trays, each of which is sent when a call is full: so calls are full whatever a record brings with it, and what joins
the objects of a thousand records travels in one call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simulation_core.content.keys import role_of
from simulation_core.content.values import Record
from simulation_core.reasons import Reason
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.fates import Delivered, Fate, Postponed, RecordFate, Rejected, Written
from simulation_worker.crm.inputs import CONTACT_TO_COMPANY, DEAL_TO_COMPANY, DEAL_TO_CONTACT, JOINS, Join, Link, Object
from simulation_worker.crm.properties import Marks, company_object, contact_object, deal_object
from simulation_worker.crm.quarantine import Quarantine
from simulation_worker.crm.wants import Stages, Wants
from simulation_worker.crm.writes import MAX_INPUTS, BatchWriter

NOWHERE = Stages(opened="", won="")  # of records without deals
NOT_BEGUN = Postponed(reason=Reason.DRAINING, message="the worker leaves", wait_ms=0, counts_as_try=False)


@dataclass(frozen=True)
class Part:
    """Records of one batch. Parts delivered together share calls; they may be of different simulations."""

    marks: Marks
    records: Sequence[Record]
    wants: Wants = field(default_factory=Wants)
    stages: Stages = NOWHERE

    @property
    def numbers(self) -> list[int]:
        return [record.number for record in self.records]

    @property
    def object_types(self) -> list[str]:
        """What its records consist of."""
        found = {"companies": any(r.company for r in self.records), "contacts": any(r.contacts for r in self.records)}
        return [kind for kind, there in {**found, "deals": self.wants.deals is not None}.items() if there]


def deliver_records(
    client: CrmClient,
    parts: Sequence[Part],
    quarantine: Quarantine,
    *,
    clock: Callable[[], float] = time.monotonic,
    leaving: Callable[[], bool] = lambda: False,
) -> list[dict[int, RecordFate]]:
    """The fate of each part's records, by their number. Raises PortalHeldError when the portal takes nothing more.

    `leaving`: after the first hundred no further records are begun. Those that were are finished, which takes a few calls.
    """
    ways = [[_Way(record, part) for record in part.records] for part in parts]
    writer = BatchWriter(client, quarantine)
    _Trays(writer, clock, leaving).carry([way for of_part in ways for way in of_part])
    quarantine.learn(writer.served, writer.spoilt)
    return [{way.record.number: way.fate() for way in of_part} for of_part in ways]


class _Way:
    """One record's way: what became of its objects so far. Objects that were never begun have no fate: another one's is the record's."""

    __slots__ = ("answered_s", "fates", "joined", "open", "part", "record")

    def __init__(self, record: Record, part: Part) -> None:
        self.record = record
        self.part = part
        self.open = 0  # objects that are in a tray
        self.fates: dict[str, Fate] = {}  # by key
        self.joined: list[Fate] = []
        self.answered_s = 0.0  # the last answer so far

    @property
    def whole(self) -> bool:
        """Whether all that was sent so far is there."""
        return not self.open and all(isinstance(fate, Written) for fate in self.fates.values())

    def fate(self) -> RecordFate:
        """The worst of its parts: rejected before postponed, and a postponement that counts before one that doesn't."""
        parts = [*self.fates.values(), *self.joined]
        rejected = next((part for part in parts if isinstance(part, Rejected)), None)
        postponed = sorted((part for part in parts if isinstance(part, Postponed)), key=lambda part: not part.counts_as_try)
        if rejected or postponed:
            return rejected or postponed[0]
        crm_ids = {role_of(key): fate.crm_id for key, fate in self.fates.items() if isinstance(fate, Written)}
        return Delivered(crm_ids=crm_ids, answered_s=self.answered_s)

    def companies(self) -> Iterator[Object]:
        if self.record.company:
            yield company_object(self.record.company, self.part.marks)

    def contacts(self) -> Iterator[Object]:
        for contact in self.record.contacts:
            yield contact_object(contact, self.part.marks)

    def deals(self) -> Iterator[Object]:
        if self.record.deal:
            yield deal_object(self.record.deal, self.part.marks, self.part.stages)

    def links(self) -> Iterator[tuple[Join, Link]]:
        record = self.record
        if record.company:
            for contact in record.contacts:
                yield CONTACT_TO_COMPANY, self._link(contact.key, record.company.key)
            if record.deal:
                yield DEAL_TO_COMPANY, self._link(record.deal.key, record.company.key)
        if record.deal and record.contacts:
            yield DEAL_TO_CONTACT, self._link(record.deal.key, record.contacts[0].key)

    def _link(self, from_key: str, to_key: str) -> Link:
        return Link(from_key, self._crm_id(from_key), self._crm_id(to_key))

    def _crm_id(self, key: str) -> str:
        fate = self.fates[key]
        assert isinstance(fate, Written)
        return fate.crm_id


@dataclass
class _Tray:
    """Objects of one type that wait for a call to be full."""

    object_type: str
    objects_of: Callable[[_Way], Iterator[Object]]
    waiting: list[tuple[Object, _Way]] = field(default_factory=list)


class _Trays:
    def __init__(self, writer: BatchWriter, clock: Callable[[], float], leaving: Callable[[], bool]) -> None:
        self._writer = writer
        self._clock = clock
        self._leaving = leaving
        self._trays = (
            _Tray("companies", _Way.companies),
            _Tray("contacts", _Way.contacts),
            _Tray("deals", _Way.deals),
        )

    def carry(self, ways: Sequence[_Way]) -> None:
        for number, way in enumerate(ways):
            if number >= MAX_INPUTS and self._leaving():
                way.joined.append(NOT_BEGUN)
            else:
                self._put(way, 0)
        for step in range(len(self._trays)):
            self._send(step, at_least=1)
        self._join([way for way in ways if way.fates and way.whole])

    def _put(self, way: _Way, step: int) -> None:
        """Its next objects into their tray: those of `step`, or, where it has none of them, of the next."""
        while step < len(self._trays):
            tray = self._trays[step]
            objects = list(tray.objects_of(way))
            if objects:
                way.open = len(objects)
                tray.waiting += [(each, way) for each in objects]
                self._send(step, at_least=MAX_INPUTS)
                return
            step += 1

    def _send(self, step: int, *, at_least: int) -> None:
        tray = self._trays[step]
        while len(tray.waiting) >= at_least:
            now, tray.waiting = tray.waiting[:MAX_INPUTS], tray.waiting[MAX_INPUTS:]
            fates = self._writer.upsert(tray.object_type, [each for each, _ in now])
            answered_s = self._clock()
            for each, way in now:
                way.fates[each.key] = fates[each.key]
                way.answered_s = answered_s
                way.open -= 1
                if way.whole:
                    self._put(way, step + 1)

    def _join(self, ways: Sequence[_Way]) -> None:
        links: Mapping[Join, list[tuple[Link, _Way]]] = {join: [] for join in JOINS}
        for way in ways:
            for join, link in way.links():
                links[join].append((link, way))
        for join, wanted in links.items():
            fates = self._writer.associate(join, [link for link, _ in wanted])
            answered_s = self._clock()
            for link, way in wanted:
                way.joined.append(fates[link.key])
                way.answered_s = answered_s
