"""One batch of records into HubSpot: companies, then contacts, then what joins them. A record is delivered when all of it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simulation_core.content.keys import role_of
from simulation_core.content.values import Record
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.fates import Delivered, Fate, Postponed, RecordFate, Rejected, Written
from simulation_worker.crm.properties import Marks, company_object, contact_object
from simulation_worker.crm.writes import BatchWriter, Link


@dataclass(frozen=True)
class Part:
    """Records of one batch. Parts delivered together share calls; they may be of different simulations."""

    marks: Marks
    records: Sequence[Record]


def deliver_records(
    client: CrmClient, parts: Sequence[Part], *, clock: Callable[[], float] = time.monotonic
) -> list[dict[int, RecordFate]]:
    """The fate of each part's records, by their number. Raises PortalHeldError when the portal takes nothing more."""
    writer = BatchWriter(client)
    records = [(record, part.marks) for part in parts for record in part.records]
    fates = writer.upsert("companies", [company_object(r.company, marks) for r, marks in records if r.company])
    companies_s = clock()
    able = [(r, marks) for r, marks in records if _all_written(fates, _company_keys(r))]
    fates |= writer.upsert("contacts", [contact_object(contact, marks) for r, marks in able for contact in r.contacts])
    contacts_s = clock()
    joinable = [r for r, _ in able if r.company and r.contacts and _all_written(fates, _keys(r))]
    joins = writer.associate([link for r in joinable for link in _links(r, fates)])
    joins_s = clock()

    def answered_s(record: Record) -> float:
        """When the last of its objects was there."""
        if record.company and record.contacts:
            return joins_s
        return contacts_s if record.contacts else companies_s

    return [{r.number: _fate_of(r, fates, joins, answered_s(r)) for r in part.records} for part in parts]


def _fate_of(record: Record, fates: Mapping[str, Fate], joins: Mapping[str, Fate], answered_s: float) -> RecordFate:
    """The worst of its parts: rejected before postponed, and a postponement that counts before one that doesn't."""
    parts = [each for key in _keys(record) for each in (fates.get(key), joins.get(key)) if each is not None]
    rejected = next((part for part in parts if isinstance(part, Rejected)), None)
    postponed = sorted((part for part in parts if isinstance(part, Postponed)), key=lambda part: not part.counts_as_try)
    if rejected or postponed:
        return rejected or postponed[0]
    crm_ids = {role_of(key): fate.crm_id for key in _keys(record) if isinstance(fate := fates[key], Written)}
    return Delivered(crm_ids=crm_ids, answered_s=answered_s)


def _links(record: Record, fates: Mapping[str, Fate]) -> Iterator[Link]:
    company = fates[record.company.key] if record.company else None
    for contact in record.contacts:
        written = fates[contact.key]
        if isinstance(company, Written) and isinstance(written, Written):
            yield Link(contact.key, written.crm_id, company.crm_id)


def _company_keys(record: Record) -> list[str]:
    return [record.company.key] if record.company else []


def _keys(record: Record) -> list[str]:
    return [*_company_keys(record), *(contact.key for contact in record.contacts)]


def _all_written(fates: Mapping[str, Fate], keys: Sequence[str]) -> bool:
    return all(isinstance(fates.get(key), Written) for key in keys)
