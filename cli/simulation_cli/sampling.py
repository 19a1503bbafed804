"""The first records of a run as the worker would create them: its own content source, with the plan's due times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_snake
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from simulation_cli.planning import planned
from simulation_core.clock import iso_ms
from simulation_core.content.faker_source import FALLBACK_LOCALE, faker_records, knows
from simulation_core.content.keys import Identity
from simulation_core.content.values import Company, Contact, Record
from simulation_core.spec import Spec

NO_UID = UUID(int=0)
STATED_SEED = 0


@dataclass(frozen=True)
class Run:
    """Which run is shown; None: not known before the Simulation is created."""

    seed: int | None = None
    uid: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Due:
    record: Record
    due_ms: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    of: int  # records in the whole run
    seed: int
    uid: UUID
    records: tuple[Due, ...]
    notes: tuple[str, ...]  # where the real run will differ

    def as_json(self) -> dict[str, Any]:
        return {
            "records": [_record(each) for each in self.records],
            "totalRecords": self.of,
            "seed": self.seed,
            "uid": str(self.uid),
            "notes": list(self.notes),
        }

    def as_rich(self) -> RenderableType:
        head = Text(f"The first {len(self.records)} of {self.of} records, with seed {self.seed}")
        notes = [Text(f"note: {note}") for note in self.notes]
        return Group(head, *(_tree(each) for each in self.records), *notes)


def sample(spec: Spec, run: Run, *, count: int, now_ms: int) -> Sample:
    """The first `count` records, or all where there are fewer. Raises SpecError where nothing would be planned."""
    seed, uid = _seed(spec, run), run.uid or NO_UID
    made = planned(spec, now_ms=now_ms, seed=seed)
    offsets = made.plan.offsets_ms[:count].tolist()
    maker = faker_records(seed=seed, scenario=spec.scenario, records=spec.records, locale=spec.content.locale)
    due = [made.start_ms + offset for offset in offsets]
    return Sample(
        of=spec.total_records,
        seed=seed,
        uid=uid,
        records=tuple(Due(record=maker.record(Identity(uid, number), due_ms), due_ms=due_ms) for number, due_ms in enumerate(due)),
        notes=tuple(_notes(spec, run)),
    )


def _seed(spec: Spec, run: Run) -> int:
    if run.seed is not None:
        return run.seed
    if run.uid is not None:
        return spec.seed_for(run.uid)
    return STATED_SEED if spec.seed is None else spec.seed


def _notes(spec: Spec, run: Run) -> list[str]:
    notes = []
    if run.seed is not None and run.seed != spec.seed:
        notes.append(f"--seed {run.seed} stands in for {'the seed of the uid' if spec.seed is None else f'spec.seed {spec.seed}'}.")
    elif spec.seed is None and run.uid is None:
        notes.append(
            "spec.seed is not set, so in the cluster the seed follows from the Simulation's uid, and the real run's content will differ. "
            "Set spec.seed to get exactly this, or give --uid to see a Simulation that exists."
        )
    if run.uid is None:
        notes.append("Zeros stand for the Simulation's uid, which it gets when it is created: keys, domains and e-mail addresses carry it.")
    if not knows(spec.content.locale):
        notes.append(f"spec.content.locale: Faker doesn't know {spec.content.locale}; the records are made with {FALLBACK_LOCALE}.")
    if spec.start_time is None:
        notes.append("spec.startTime is not set: the times are those of a run that begins now.")
    return notes


# As JSON and as text, in the same words


def _record(each: Due) -> dict[str, Any]:
    record = each.record
    shown: dict[str, Any] = {"record": record.number, "due": iso_ms(each.due_ms)}
    if record.company is not None:
        shown["company"] = _company(record.company)
    return {**shown, "contacts": [_contact(contact) for contact in record.contacts]}


def _company(company: Company) -> dict[str, Any]:
    return {
        "name": company.name,
        "domain": company.domain,
        "website": company.website,
        "industry": company.industry,
        "description": company.description,
        "city": company.city,
        "employees": company.employees,
        "annualRevenue": company.annual_revenue,
        "key": company.key,
    }


def _contact(contact: Contact) -> dict[str, Any]:
    values = {
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        "city": contact.city,
        "jobTitle": contact.job_title,
        "company": contact.company_name,
        "key": contact.key,
    }
    return {name: value for name, value in values.items() if value is not None}


def _tree(each: Due) -> Tree:
    tree = Tree(Text(f"record {each.record.number}, due {iso_ms(each.due_ms)}", style="bold"))
    if each.record.company is not None:
        tree.add(_fields("company", _company(each.record.company)))
    for contact in each.record.contacts:
        tree.add(_fields("contact", _contact(contact)))
    return tree


def _fields(kind: str, values: dict[str, Any]) -> Table:
    """Long values, addresses above all, go on in the next line: whoever wants to copy them takes -o json."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for number, (field, value) in enumerate(values.items()):
        name = to_snake(field).replace("_", " ")
        table.add_row(Text(kind if number == 0 else "", style="bold"), Text(name, style="dim"), Text(str(value)))
    return table
