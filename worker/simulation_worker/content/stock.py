"""The contents that deliveries read: what was stored, and Faker's for what wasn't there in time, stored first, so that repeats agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from simulation_core.content.blueprint import Blueprint, Blueprints
from simulation_core.content.faker_source import FakerFlavours
from simulation_core.content.flavour import CompanyFlavour, Flavour, Person
from simulation_core.content.keys import Identity
from simulation_core.ledger import contents
from simulation_core.ledger.contents import Content, WrittenBy
from simulation_core.ledger.values import Run
from simulation_core.spec import Content as ContentSpec
from simulation_core.spec import Records, Scenario, Source
from simulation_worker.content.causes import Cause
from simulation_worker.metrics import Metrics


def is_written_by_a_model(run: Run) -> bool:
    """Its records' contents are stored; what Faker writes for other runs is computed anew at each repeat."""
    return bool(run.spec.get("content", {}).get("source") == Source.OPENAI)


@dataclass(frozen=True)
class Author:
    """What content of a run is made from. Not shared between threads."""

    run: Run
    spec: ContentSpec
    blueprints: Blueprints

    @classmethod
    def of(cls, run: Run) -> Author:
        records = Records.model_validate(run.spec.get("records", {}))
        blueprints = Blueprints(seed=run.seed, scenario=Scenario(run.scenario), records=records)
        return cls(run, ContentSpec.model_validate(run.spec.get("content", {})), blueprints)

    def wanted(self, records: Iterable[int]) -> list[Blueprint]:
        return [self.blueprints.of(Identity(self.run.id, record)) for record in records]


class Stock:
    def __init__(self, engine: Engine, *, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    def flavours(self, wanted: Mapping[UUID, tuple[Run, Sequence[int]]]) -> dict[UUID, StoredFlavours]:
        """Of all these records, by run: they are stored when this returns. Raises LedgerUnavailableError."""
        records = {simulation: numbers for simulation, (_, numbers) in wanted.items()}
        found = contents.stored(self._engine, records)
        late = {simulation: [each for each in numbers if each not in found[simulation]] for simulation, numbers in records.items()}
        if any(late.values()):
            for simulation, numbers in late.items():
                self.fall_back(Author.of(wanted[simulation][0]), dict.fromkeys(numbers, Cause.LATE))
            found = contents.stored(self._engine, records)  # a preparation may have been faster
        return {simulation: StoredFlavours(of_run) for simulation, of_run in found.items()}

    def fall_back(self, author: Author, causes: Mapping[int, Cause]) -> None:
        """Stores Faker's words for these records, unless there are any by now, and counts why."""
        if not causes:
            return
        faker = FakerFlavours(author.spec.locale)
        made = {blueprint.identity.record: as_content(faker.flavour(blueprint)) for blueprint in author.wanted(causes)}
        for record in contents.keep(self._engine, author.run.id, made, by=WrittenBy.FAKER):
            self._metrics.fallbacks.labels(causes[record].value).inc()


class StoredFlavours:
    """A FlavourSource. KeyError for a record that wasn't asked for."""

    def __init__(self, contents: Mapping[int, Content]) -> None:
        self._contents = contents

    def flavour(self, blueprint: Blueprint) -> Flavour:
        return as_flavour(self._contents[blueprint.identity.record])


def as_content(flavour: Flavour) -> Content:
    """For the ledger: what has no value is left out."""
    people = [{"firstName": person.first_name, "lastName": person.last_name, "jobTitle": person.job_title} for person in flavour.people]
    content: dict[str, Any] = {"city": flavour.city, "people": people}
    if company := flavour.company:
        content["company"] = {"name": company.name, "industry": company.industry, "description": company.description}
    return {**content, "dealName": flavour.deal_name} if flavour.deal_name else content


def as_flavour(content: Content) -> Flavour:
    company = content.get("company")
    return Flavour(
        city=content["city"],
        people=tuple(Person(person["firstName"], person["lastName"], person["jobTitle"]) for person in content["people"]),
        company=None if company is None else CompanyFlavour(**company),
        deal_name=content.get("dealName"),
    )
