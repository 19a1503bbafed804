"""What became of B2B records, as the CRM shows it: each is a company, a contact, and that they belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from simulation_bench.emulator import Emulator

PARTS = ("c", "p0")  # a key ends in these: the company, the contact


@dataclass(frozen=True, kw_only=True)
class Crm:
    """Keys by ids, and which company's id is joined to which contact's."""

    companies: Mapping[str, str]
    contacts: Mapping[str, str]
    joined: Iterable[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """`lost`: records that aren't whole. `duplicates`: objects beyond the plan, a key twice or one never planned."""

    lost: int
    duplicates: int


def look(emulator: Emulator) -> Crm:
    return Crm(companies=emulator.keys("companies"), contacts=emulator.keys("contacts"), joined=emulator.joined())


def judge(planned: Collection[str], crm: Crm) -> Judged:
    """`planned`: the records' keys, which those of their objects begin with."""
    objects = Counter([*crm.companies.values(), *crm.contacts.values()])
    joined = {(crm.companies.get(company), crm.contacts.get(contact)) for company, contact in crm.joined}
    keys = {record: tuple(f"{record}-{part}" for part in PARTS) for record in planned}
    found = sum(key in objects for of_record in keys.values() for key in of_record)
    return Judged(lost=sum(of_record not in joined for of_record in keys.values()), duplicates=objects.total() - found)
