"""Flavours from Faker's lists. The same simulation seed and record number give the same flavour, on any worker and at any repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from faker.config import AVAILABLE_LOCALES
from faker.factory import Factory

from simulation_core.content.blueprint import Blueprint, Blueprints
from simulation_core.content.dice import Dice, Lots
from simulation_core.content.flavour import CompanyFlavour, Flavour, Person
from simulation_core.content.records import RecordMaker
from simulation_core.content.trades import TRADES, WANTS, Trade
from simulation_core.spec import Records, Scenario

FALLBACK_LOCALE = "en_US"
LOCALES_KEPT = 32  # some hundred kilobytes each
_PROVIDERS = ["faker.providers.person", "faker.providers.address"]
_FEWEST, _DRAWN = 5, 200  # a locale's list that is shorter is none; then so many values come from its methods


def faker_records(*, seed: int, scenario: Scenario, records: Records, locale: str) -> RecordMaker:
    """The records of a run without a language model."""
    return RecordMaker(Blueprints(seed=seed, scenario=scenario, records=records), FakerFlavours(locale))


class FakerFlavours:
    """Of all runs in one locale. Cheap to create; not shared between threads."""

    def __init__(self, locale: str) -> None:
        self._names = _names(locale if knows(locale) else FALLBACK_LOCALE)
        self._dice = Dice()

    def flavour(self, blueprint: Blueprint) -> Flavour:
        dice, names = self._dice.for_record(blueprint.seed, blueprint.identity.record, "flavour"), self._names
        city = names.cities.draw(dice)
        if blueprint.scenario is Scenario.B2C:
            consumer = _person(names, None, dice)
            wants = f"{consumer.first_name} {consumer.last_name}: {dice.one_of(WANTS)}" if blueprint.deal else None
            return Flavour(city=city, people=(consumer,), deal_name=wants)
        trade = dice.one_of(TRADES)
        company = _company(names, trade, city, dice)
        people = tuple([_person(names, dice.one_of(trade.titles), dice) for _ in range(blueprint.people)])
        deal_name = f"{company.name}: {dice.one_of(trade.deals)}" if blueprint.deal else None
        return Flavour(city=city, people=people, company=company, deal_name=deal_name)


def knows(locale: str) -> bool:
    """False: its records are made with FALLBACK_LOCALE, which somebody should be told."""
    return locale in AVAILABLE_LOCALES


def note_of(locale: str) -> str | None:
    """What a person should know of a locale before anything is created; None: nothing."""
    if knows(locale):
        return None
    return f"spec.content.locale: Faker doesn't know {locale}; the records are made with {FALLBACK_LOCALE}."


@dataclass(frozen=True)
class Sex:
    """Names that go together: in many languages a family name has two forms."""

    first_names: Lots[str]
    last_names: Lots[str]


@dataclass(frozen=True)
class Names:
    people: Sequence[Sex]
    cities: Lots[str]


@lru_cache(LOCALES_KEPT)
def _names(locale: str) -> Names:
    """Faker's own lists, with its weights: its methods cost twenty times as much for each name."""
    faker: Any = Factory.create(locale, list(_PROVIDERS))
    faker.seed_instance(0)
    person, address = (next(each for each in faker.get_providers() if each.__provider__ == name) for name in _PROVIDERS)
    sexes = []
    for sex in ("female", "male"):
        first = _listed(person, f"first_names_{sex}", "first_names") or _drawn(getattr(faker, f"first_name_{sex}"))
        last = _listed(person, f"last_names_{sex}", "last_names") or _drawn(getattr(faker, f"last_name_{sex}"))
        sexes.append(Sex(first, last))
    return Names(sexes, _listed(address, "cities") or _drawn(faker.city))


def _listed(provider: Any, *attributes: str) -> Lots[str] | None:
    for attribute in attributes:
        values = getattr(provider, attribute, None)
        if isinstance(values, list | tuple | Mapping) and len(values) >= _FEWEST:
            return Lots(values)
    return None


def _drawn(method: Any) -> Lots[str]:
    return Lots([method() for _ in range(_DRAWN)])


def _company(names: Names, trade: Trade, city: str, dice: Dice) -> CompanyFlavour:
    name = f"{dice.one_of(names.people).last_names.draw(dice)} {dice.one_of(trade.name_words)}"
    return CompanyFlavour(name=name, industry=trade.industry, description=f"{name} of {city} provides {trade.offer}.")


def _person(names: Names, job_title: str | None, dice: Dice) -> Person:
    sex = dice.one_of(names.people)
    return Person(sex.first_names.draw(dice), sex.last_names.draw(dice), job_title)
