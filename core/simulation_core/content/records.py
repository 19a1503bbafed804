"""A record out of its blueprint and its flavour: addresses, domains and all that depends on both."""

from __future__ import annotations

import re
import unicodedata

from simulation_core.content.blueprint import Blueprint, Blueprints
from simulation_core.content.flavour import CompanyFlavour, Flavour, FlavourSource, Person
from simulation_core.content.keys import COMPANY, DEAL, Identity, contact_role
from simulation_core.content.values import Company, Contact, Deal, Record

RESERVED_DOMAIN = "example"  # RFC 2606: nobody's, now and always
CONSUMER_DOMAIN = "mail.example"
UNNAMED_DEAL = "Deal"


class RecordMaker:
    """Makes the records of one simulation. Cheap to create; not shared between threads."""

    def __init__(self, blueprints: Blueprints, flavours: FlavourSource) -> None:
        self._blueprints = blueprints
        self._flavours = flavours

    def record(self, identity: Identity, due_ms: int) -> Record:
        """The record that is due at `due_ms`, Unix epoch: a deal's dates count from there."""
        blueprint = self._blueprints.of(identity)
        return compose(blueprint, self._flavours.flavour(blueprint), due_ms)


def compose(blueprint: Blueprint, flavour: Flavour, due_ms: int) -> Record:
    identity = blueprint.identity
    company = None if flavour.company is None else _company(blueprint, flavour, flavour.company)
    people = zip(flavour.people, blueprint.phones, strict=True)
    contacts = tuple([_contact(person, phone, index, blueprint, flavour, company) for index, (person, phone) in enumerate(people)])
    return Record(number=identity.record, company=company, contacts=contacts, deal=_deal(blueprint, flavour, due_ms))


def _company(blueprint: Blueprint, flavour: Flavour, words: CompanyFlavour) -> Company:
    identity = blueprint.identity
    return Company(
        key=identity.key(COMPANY),
        name=words.name,
        domain=f"{slug(words.name, 40) or 'company'}.{identity.label}.{RESERVED_DOMAIN}",
        industry=words.industry,
        description=words.description,
        city=flavour.city,
        employees=blueprint.employees,
        annual_revenue=blueprint.annual_revenue,
        owner_id=blueprint.owner_id,
    )


def _contact(person: Person, phone: str, index: int, blueprint: Blueprint, flavour: Flavour, company: Company | None) -> Contact:
    key = blueprint.identity.key(contact_role(index))
    return Contact(
        key=key,
        first_name=person.first_name,
        last_name=person.last_name,
        email=f"{_local_part(person.first_name, key)}@{company.domain if company else CONSUMER_DOMAIN}",
        phone=phone,
        city=flavour.city,
        job_title=person.job_title,
        company_name=company.name if company else None,
        owner_id=blueprint.owner_id,
    )


def _deal(blueprint: Blueprint, flavour: Flavour, due_ms: int) -> Deal | None:
    terms = blueprint.deal
    if terms is None:
        return None
    return Deal(
        key=blueprint.identity.key(DEAL),
        name=flavour.deal_name or UNNAMED_DEAL,
        amount=terms.amount,
        pipeline=terms.pipeline,
        stage=terms.stage,
        won=terms.won,
        closes_ms=due_ms + terms.closes_after_ms,
        owner_id=blueprint.owner_id,
    )


def _local_part(first_name: str, key: str) -> str:
    """At most 64 characters (RFC 5321): a key takes up to 49."""
    return f"{slug(first_name, 63 - len(key)) or 'x'}.{key}"


_WITHOUT_ACCENT = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_OTHERS = re.compile(r"[^a-z0-9]+")


def slug(text: str, at_most: int) -> str:
    """a-z, 0-9 and hyphens; empty for a name in another script."""
    lower = text.lower()
    if not lower.isascii():
        lower = unicodedata.normalize("NFKD", lower.translate(_WITHOUT_ACCENT)).encode("ascii", "ignore").decode()
    return _OTHERS.sub("-", lower)[:at_most].strip("-")
