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
from simulation_core.content.faker_source import faker_records, note_of
from simulation_core.content.keys import Identity
from simulation_core.content.values import Company, Contact, Deal, Record
from simulation_core.spec import Source, Spec

NO_UID = UUID(int=0)
STATED_SEED = 0
WON_STAGE, FIRST_STAGE = "(the pipeline's stage for won deals)", "(the pipeline's first)"  # their ids are known in HubSpot


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
    if spec.content.source is Source.OPENAI:
        notes.append("spec.content.source is OpenAI: in the cluster a language model writes names and texts; these are Faker's.")
    if (of_locale := note_of(spec.content.locale)) is not None:
        notes.append(of_locale)
    if spec.start_time is None:
        notes.append("spec.startTime is not set: the times are those of a run that begins now.")
    return notes


# As JSON and as text, in the same words


def _record(each: Due) -> dict[str, Any]:
    record = each.record
    shown: dict[str, Any] = {"record": record.number, "due": iso_ms(each.due_ms)}
    if record.company is not None:
        shown["company"] = _company(record.company)
    shown["contacts"] = [_contact(contact) for contact in record.contacts]
    return {**shown, "deal": _deal(record.deal)} if record.deal is not None else shown


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
        **_chosen(company),
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
        **_chosen(contact),
        "key": contact.key,
    }
    return {name: value for name, value in values.items() if value is not None}


def _deal(deal: Deal) -> dict[str, Any]:
    return {
        "name": deal.name,
        "amount": deal.amount,
        "pipeline": deal.pipeline,
        "stage": WON_STAGE if deal.won else deal.stage or FIRST_STAGE,
        "closes": iso_ms(deal.closes_ms),
        **_chosen(deal),
        "key": deal.key,
    }


def _chosen(each: Company | Contact | Deal) -> dict[str, Any]:
    """What the spec says of all objects of a kind. A property of the user's own replaces what we would have written there."""
    return {**({"owner": each.owner_id} if each.owner_id else {}), **({"properties": dict(each.properties)} if each.properties else {})}


def _tree(each: Due) -> Tree:
    tree = Tree(Text(f"record {each.record.number}, due {iso_ms(each.due_ms)}", style="bold"))
    if each.record.company is not None:
        tree.add(_fields("company", _company(each.record.company)))
    for contact in each.record.contacts:
        tree.add(_fields("contact", _contact(contact)))
    if each.record.deal is not None:
        tree.add(_fields("deal", _deal(each.record.deal)))
    return tree


def _fields(kind: str, values: dict[str, Any]) -> Table:
    """Long values, addresses above all, go on in the next line: whoever wants to copy them takes -o json."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    own = values.get("properties", {})
    words = {to_snake(field).replace("_", " "): value for field, value in values.items() if field != "properties"}
    for number, (name, value) in enumerate([*words.items(), *own.items()]):
        table.add_row(Text(kind if number == 0 else "", style="bold"), Text(name, style="dim"), Text(str(value)))
    return table
