"""What a record reads like: names, trades, titles. Invented by a source, which may be Faker or a language model.

Nothing here decides where a record leads or what it is worth: that is computed (blueprint.py), so a source can't do harm with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simulation_core.content.blueprint import Blueprint


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    job_title: str | None  # None: a consumer


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyFlavour:
    name: str
    industry: str  # one of trades.INDUSTRIES: HubSpot takes no others
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """Of one record. As many people as its blueprint asks for, a company in B2B, a deal's name where it has a deal."""

    city: str
    people: tuple[Person, ...]
    company: CompanyFlavour | None = None
    deal_name: str | None = None


class FlavourSource(Protocol):
    """Gives the same record the same flavour at each repeat: by computing it, or by having stored it."""

    def flavour(self, blueprint: Blueprint) -> Flavour: ...
