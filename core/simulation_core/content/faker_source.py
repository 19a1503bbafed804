"""Records from Faker. The same simulation seed and record number give the same record, on any worker and at any repeat."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import unicodedata
from random import Random as Dice
from typing import Protocol, cast

from faker.config import AVAILABLE_LOCALES
from faker.factory import Factory

from simulation_core.content.keys import COMPANY, Identity, contact_role
from simulation_core.content.trades import TRADES, Trade
from simulation_core.content.values import Company, Contact, Record
from simulation_core.plan.contacts import contacts_of
from simulation_core.spec import Range, Scenario

RESERVED_DOMAIN = "example"  # RFC 2606: nobody's, now and always
CONSUMER_DOMAIN = "mail.example"
FALLBACK_LOCALE = "en_US"
# A locale costs tens of milliseconds and some megabytes to load; a worker serves few at a time.
_LOADED = threading.local()


def record_seed(seed: int, record: int) -> int:
    """64 bits that depend on both numbers alone: Python's own hash() differs from process to process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{record}".encode(), digest_size=8).digest())


class FakerSource:
    """Makes the records of one simulation. Cheap to create; the generators behind it are kept per thread and locale."""

    def __init__(self, *, seed: int, scenario: Scenario, contacts: Range, locale: str) -> None:
        self._seed = seed
        self._scenario = scenario
        self._contacts = contacts
        self._faker = _generator(locale)

    def record(self, identity: Identity) -> Record:
        faker = self._faker
        faker.seed_instance(record_seed(self._seed, identity.record))
        if self._scenario is Scenario.B2C:
            return Record(number=identity.record, company=None, contacts=(_consumer(faker, identity),))
        dice = faker.random
        trade = dice.choice(TRADES)
        company = _company(faker, dice, trade, identity)
        count = contacts_of(self._seed, identity.record, self._contacts.min, self._contacts.max)
        people = tuple(_employee(faker, dice.choice(trade.titles), company, identity, index) for index in range(count))
        return Record(number=identity.record, company=company, contacts=people)


class Generator(Protocol):
    """What we use of a Faker generator; its methods come from providers, which type checkers don't see."""

    random: Dice

    def seed_instance(self, seed: int) -> object: ...
    def first_name(self) -> str: ...
    def last_name(self) -> str: ...
    def city(self) -> str: ...


def knows(locale: str) -> bool:
    """False: its records are made with FALLBACK_LOCALE, which somebody should be told."""
    return locale in AVAILABLE_LOCALES


def _generator(locale: str) -> Generator:
    loaded: dict[str, Generator] = _LOADED.__dict__.setdefault("generators", {})
    if locale not in loaded:
        loaded[locale] = cast(Generator, Factory.create(locale if knows(locale) else FALLBACK_LOCALE))
    return loaded[locale]


def _company(faker: Generator, dice: Dice, trade: Trade, identity: Identity) -> Company:
    founder, city = faker.last_name(), faker.city()
    name = f"{founder} {dice.choice(trade.name_words)}"
    employees = max(2, round(dice.lognormvariate(math.log(60), 1.1)))
    return Company(
        key=identity.key(COMPANY),
        name=name,
        domain=f"{_slug(name, 40) or 'company'}.{identity.label}.{RESERVED_DOMAIN}",
        industry=trade.industry,
        description=f"{name} of {city} provides {trade.offer}.",
        city=city,
        employees=employees,
        annual_revenue=employees * dice.randrange(60, 240) * 1000,
    )


def _employee(faker: Generator, title: str, company: Company, identity: Identity, index: int) -> Contact:
    first, last, key = faker.first_name(), faker.last_name(), identity.key(contact_role(index))
    return Contact(
        key=key,
        first_name=first,
        last_name=last,
        email=f"{_local_part(first, key)}@{company.domain}",
        phone=_phone(faker.random),
        city=company.city,
        job_title=title,
        company_name=company.name,
    )


def _consumer(faker: Generator, identity: Identity) -> Contact:
    first, last, key = faker.first_name(), faker.last_name(), identity.key(contact_role(0))
    return Contact(
        key=key,
        first_name=first,
        last_name=last,
        email=f"{_local_part(first, key)}@{CONSUMER_DOMAIN}",
        phone=_phone(faker.random),
        city=faker.city(),
        job_title=None,
        company_name=None,
    )


def _local_part(first_name: str, key: str) -> str:
    """At most 64 characters (RFC 5321): a key takes up to 49."""
    return f"{_slug(first_name, 63 - len(key)) or 'x'}.{key}"


def _phone(dice: Dice) -> str:
    """555-0100 to 555-0199 are set aside for fiction."""
    return f"+1 {dice.randrange(201, 990)}-555-01{dice.randrange(100):02}"


def _slug(text: str, at_most: int) -> str:
    """a-z, 0-9 and hyphens; empty for a name in another script."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower())[:at_most].strip("-")
