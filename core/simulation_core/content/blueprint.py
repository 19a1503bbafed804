"""What of a record is computed: how many objects, their keys, amounts, dates, owners and the properties the user chose.

Follows from the spec, the seed and the record's number alone, whoever says what the record reads like (flavour.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulation_core.content.dice import Dice
from simulation_core.content.keys import Identity
from simulation_core.plan.contacts import contacts_of
from simulation_core.plan.deals import has_deal
from simulation_core.spec import Records, Scenario

DAY_MS = 86_400_000
SOONEST_DAYS, LATEST_DAYS = 14, 120  # until an open deal is expected to close
EMPLOYEES_MEDIAN, EMPLOYEES_SIGMA = 60, 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DealTerms:
    amount: int
    pipeline: str
    stage: str | None  # None: the pipeline's first
    won: bool
    closes_after_ms: int  # from the record's due time


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """Of one record. In B2C its one person is a consumer, and there is no company."""

    identity: Identity
    seed: int
    scenario: Scenario
    phones: tuple[str, ...]  # of each person
    employees: int
    annual_revenue: int
    deal: DealTerms | None
    owner_id: str | None  # of all its objects: who owns the company has its people and its deal

    @property
    def people(self) -> int:
        return len(self.phones)


class Blueprints:
    """The blueprints of one simulation. Not shared between threads."""

    def __init__(self, *, seed: int, scenario: Scenario, records: Records) -> None:
        self._seed = seed
        self._scenario = scenario
        self._records = records
        self._dice = Dice()

    def of(self, identity: Identity) -> Blueprint:
        number, records = identity.record, self._records
        dice = self._dice.for_record(self._seed, number, "blueprint")
        wanted, owners = records.contacts_per_company, records.owner_ids
        people = contacts_of(self._seed, number, wanted.min, wanted.max) if self._scenario is Scenario.B2B else 1
        employees = max(2, round(_lognormal(dice, EMPLOYEES_MEDIAN, EMPLOYEES_SIGMA)))
        return Blueprint(
            identity=identity,
            seed=self._seed,
            scenario=self._scenario,
            employees=employees,
            annual_revenue=employees * int(60 + dice.random() * 180) * 1000,
            phones=tuple([_phone(dice) for _ in range(people)]),
            deal=self._deal(number, dice),
            owner_id=owners[number % len(owners)] if owners else None,
        )

    def _deal(self, number: int, dice: Dice) -> DealTerms | None:
        deals = self._records.deals
        if not has_deal(self._seed, number, deals.percent):
            return None
        won = dice.random() * 100 < deals.won_percent
        days = 0 if won else SOONEST_DAYS + int(dice.random() * (LATEST_DAYS - SOONEST_DAYS + 1))
        amount = max(1, round(_lognormal(dice, deals.amount.median, deals.amount.sigma_percent / 100)))
        return DealTerms(amount=amount, pipeline=deals.pipeline, stage=deals.stage, won=won, closes_after_ms=days * DAY_MS)


def _lognormal(dice: Dice, median: float, sigma: float) -> float:
    return median * math.exp(dice.gauss(0.0, sigma))


def _phone(dice: Dice) -> str:
    """555-0100 to 555-0199 are set aside for fiction."""
    return f"+1 {201 + int(dice.random() * 789)}-555-01{int(dice.random() * 100):02}"
