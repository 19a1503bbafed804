"""What the CRM holds, beside what the plan said: exactly the planned records but for those it skipped, associated, none before its time.

The records come from the emulator and the due times from the ledger's plan; what the product says of itself is only compared.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import psycopg
from psycopg.rows import dict_row

from simulation_core.clock import to_ms
from simulation_core.ledger.values import Outcome
from simulation_core.plan.contacts import contacts_for
from simulation_core.spec import parse_spec

PAGE = 1000

RUN = """
SELECT status, scenario, seed, spec, records_processed, start_time, shift_milliseconds, objects FROM simulations WHERE id = %s
"""
DUE = """
SELECT first_record, offset_ms, record_offsets, outcomes, claimed_shift_ms FROM batches WHERE simulation_id = %s ORDER BY number
"""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The ledger's side of one simulation."""

    id: str
    status: str
    processed: int
    primary: str  # the object a record mainly is: companies or contacts
    due_ms: Sequence[int]  # per record, as its delivery was claimed: the plan may have been shifted before and after
    contacts: int  # how many in all, those of skipped records left out
    skipped: Collection[int] = ()  # records


@dataclass(frozen=True, kw_only=True)
class Found:
    """The CRM's side: when each key was first written, and which contact hangs on which company."""

    companies: Mapping[str, int]  # simulation_key → created, milliseconds
    contacts: Mapping[str, int]
    doubled: Sequence[str]  # keys that more than one object carries
    associated: Mapping[str, Collection[str]]  # contact's key → keys of the companies it hangs on


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the comparison showed. `faults` is empty exactly if all is as planned."""

    status: str
    processed: int
    total: int
    skipped: int
    early: int
    p99_lateness_ms: int
    faults: Sequence[str]

    @property
    def line(self) -> str:
        phase = self.status.capitalize()
        skipped = f", skipped {self.skipped}" if self.skipped else ""
        return f"{phase} {self.processed}/{self.total} records{skipped}, early {self.early}, p99 lateness {self.p99_lateness_ms} ms"


def compare(planned: Planned, found: Found) -> Proof:
    """Pure: what is wrong, in sentences, and how late the records were (object created minus due, in whole milliseconds)."""
    total = len(planned.due_ms)
    primary = found.companies if planned.primary == "companies" else found.contacts
    role = "c" if planned.primary == "companies" else "p0"
    created = [primary.get(f"{planned.id}-{record}-{role}") for record in range(total)]
    wanted = [record for record in range(total) if record not in planned.skipped]
    lateness = sorted(at - planned.due_ms[record] for record in wanted if (at := created[record]) is not None)
    surplus = sum(created[record] is not None for record in planned.skipped)
    early = sum(late < 0 for late in lateness)
    faults = [
        _fault(planned.status != "COMPLETED", f"the table says {planned.status}, not COMPLETED"),
        _fault(planned.processed != len(wanted), f"the table counts {planned.processed} of {len(wanted)} records"),
        _fault(len(lateness) != len(wanted), f"{len(wanted) - len(lateness)} of {len(wanted)} {planned.primary} are missing in the CRM"),
        _fault(surplus > 0, f"{surplus} skipped records are in the CRM"),
        _fault(len(primary) > len(lateness) and planned.primary == "companies", f"the CRM holds {len(primary)} {planned.primary}"),
        _fault(len(found.contacts) != planned.contacts, f"the CRM holds {len(found.contacts)} contacts, planned were {planned.contacts}"),
        _fault(bool(found.doubled), f"{len(found.doubled)} keys are carried by more than one object, such as {found.doubled[:1]}"),
        _fault(early > 0, f"{early} records were written before their due time"),
        *_association_faults(planned, found),
    ]
    return Proof(
        status=planned.status,
        processed=planned.processed,
        total=total,
        skipped=len(planned.skipped),
        early=early,
        p99_lateness_ms=_p99(lateness),
        faults=[fault for fault in faults if fault],
    )


def gather(hubspot_url: str, database_url: str, simulation_id: str) -> tuple[Planned, Found]:
    """Both sides, read from the emulator and from Postgres."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        planned = planned_of(connection, simulation_id)
    with httpx.Client(base_url=hubspot_url, timeout=30) as client:
        return planned, _found(client, simulation_id)


def _fault(wrong: bool, sentence: str) -> str | None:
    return sentence if wrong else None


def _association_faults(planned: Planned, found: Found) -> list[str]:
    """Each contact hangs on the company of its own record; only B2B has companies."""
    if planned.primary != "companies":
        return []
    astray = [key for key in found.contacts if set(found.associated.get(key, ())) != {f"{key.rpartition('-')[0]}-c"}]
    return [f"{len(astray)} contacts are not associated with exactly their company, such as {astray[0]}"] if astray else []


def _p99(ordered: Sequence[int]) -> int:
    """The nearest-rank 99th percentile."""
    return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else 0


def planned_of(connection: psycopg.Connection[Any], simulation_id: str) -> Planned:
    """LookupError if the ledger doesn't know it. Of one that is still being planned, only what is stored so far."""
    with connection.cursor(row_factory=dict_row) as cursor:
        run = cursor.execute(RUN, [simulation_id]).fetchone()
        if run is None:
            raise LookupError(f"the table has no simulation {simulation_id}")
        batches = cursor.execute(DUE, [simulation_id]).fetchall()
    skipped = frozenset(
        batch["first_record"] + index
        for batch in batches
        for index, outcome in enumerate(batch["outcomes"] or ())
        if outcome == Outcome.SKIPPED
    )
    return Planned(
        id=simulation_id,
        status=run["status"],
        processed=run["records_processed"],
        primary="companies" if run["scenario"] == "B2B" else "contacts",
        due_ms=[due for batch in batches for due in _due_ms(run, batch)],
        contacts=run["objects"]["contacts"] - _contacts(run, skipped),
        skipped=skipped,
    )


def _due_ms(run: Mapping[str, Any], batch: Mapping[str, Any]) -> list[int]:
    shift_ms = run["shift_milliseconds"] if batch["claimed_shift_ms"] is None else batch["claimed_shift_ms"]
    last_ms = to_ms(run["start_time"]) + shift_ms + batch["offset_ms"]
    return [last_ms - before for before in batch["record_offsets"]]


def _contacts(run: Mapping[str, Any], records: Collection[int]) -> int:
    """How many the named records would have had."""
    if run["scenario"] != "B2B":
        return len(records)
    wanted = parse_spec(run["spec"]).records.contacts_per_company
    return int(contacts_for(run["seed"], np.array(sorted(records), dtype=np.int64), wanted.min, wanted.max).sum())


def _found(client: httpx.Client, simulation_id: str) -> Found:
    companies = _objects(client, "companies", simulation_id)
    contacts = _objects(client, "contacts", simulation_id)
    key_of = {each["id"]: each["properties"]["simulation_key"] for each in (*companies, *contacts)}
    associated: defaultdict[str, set[str]] = defaultdict(set)
    for edge in _pages(client, "/_emulator/associations", {"from": "contacts", "to": "companies"}):
        if edge["from"] in key_of:
            associated[key_of[edge["from"]]].add(key_of.get(edge["to"], edge["to"]))
    counts = Counter(each["properties"]["simulation_key"] for each in (*companies, *contacts))
    return Found(
        companies=_created(companies),
        contacts=_created(contacts),
        doubled=[key for key, count in counts.items() if count > 1],
        associated=associated,
    )


def _created(objects: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {each["properties"]["simulation_key"]: to_ms(datetime.fromisoformat(each["createdAt"])) for each in objects}


def _objects(client: httpx.Client, object_type: str, simulation_id: str) -> list[dict[str, Any]]:
    return _pages(client, f"/_emulator/objects/{object_type}", {"simulation_id": simulation_id})


def _pages(client: httpx.Client, path: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """All results of a paged read."""
    results: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        asked = {**parameters, "limit": str(PAGE)} | ({"after": after} if after else {})
        answer = client.get(path, params=asked).raise_for_status().json()
        results += answer["results"]
        after = answer.get("next")
        if not after:
            return results
