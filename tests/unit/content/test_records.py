"""Content is coherent, harmless (it can reach nobody), and the same at each repeat."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from uuid import UUID

import pytest

from simulation_core.content.blueprint import Blueprints
from simulation_core.content.dice import record_seed
from simulation_core.content.faker_source import FakerFlavours, faker_records
from simulation_core.content.flavour import CompanyFlavour, Flavour, Person
from simulation_core.content.keys import Identity, role_of
from simulation_core.content.records import RecordMaker, compose, slug
from simulation_core.content.trades import INDUSTRIES
from simulation_core.content.values import Record
from simulation_core.spec import Amount, Deals, Range, Records, Scenario

SIMULATION = UUID("6f1c2a55-0000-4222-8333-444455556666")
OTHER = UUID("11111111-0000-4222-8333-444455556666")


DUE_MS = 1_796_112_000_000


def made(
    record: int = 0,
    *,
    simulation: UUID = SIMULATION,
    seed: int = 42,
    scenario: Scenario = Scenario.B2B,
    people: int = 2,
    locale: str = "en_US",
    deals: Deals | None = None,
    owners: tuple[str, ...] = (),
) -> Record:
    records = Records(contacts_per_company=Range(min=people, max=people), deals=deals or Deals(), owner_ids=owners)
    return faker_records(seed=seed, scenario=scenario, records=records, locale=locale).record(Identity(simulation, record), DUE_MS)


def test_the_same_seed_and_record_give_the_same_record_whatever_was_made_before() -> None:
    records = Records(contacts_per_company=Range(min=1, max=3), deals=Deals(percent=50))
    maker = faker_records(seed=42, scenario=Scenario.B2B, records=records, locale="de_DE")
    forward = [maker.record(Identity(SIMULATION, i), DUE_MS) for i in range(50)]
    backward = [maker.record(Identity(SIMULATION, i), DUE_MS) for i in reversed(range(50))]
    assert forward == backward[::-1]


def test_another_process_makes_the_same_record() -> None:
    program = (
        "from uuid import UUID; from simulation_core.spec import Range, Records, Scenario;"
        "from simulation_core.content.faker_source import faker_records; from simulation_core.content.keys import Identity;"
        "records = Records(contacts_per_company=Range(min=2, max=2));"
        "maker = faker_records(seed=42, scenario=Scenario.B2B, records=records, locale='en_US');"
        f"print(maker.record(Identity(UUID('{SIMULATION}'), 7), {DUE_MS}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "123"}
    )
    assert answer.stdout.strip() == str(made(7))


def test_a_stable_hash_pins_the_seed() -> None:
    assert record_seed(42, 7) == 14082508582367801744


def test_another_run_says_the_same_under_other_keys() -> None:
    one, other = made(3), made(3, simulation=OTHER)
    assert one.company
    assert other.company
    assert one.company.name == other.company.name
    assert {c.key for c in one.contacts}.isdisjoint(c.key for c in other.contacts)


def test_domains_and_addresses_are_unique_and_reserved() -> None:
    records = [made(i) for i in range(300)]
    domains = [r.company.domain for r in records if r.company]
    emails = [c.email for r in records for c in r.contacts]
    assert len(set(domains)) == len(records)
    assert len(set(emails)) == 2 * len(records)
    assert all(domain.endswith(".example") for domain in domains)


def test_an_address_carries_the_key_and_is_valid() -> None:
    for record in (made(9_999_999, locale="ja_JP", people=100), made(9_999_999, people=100), made(1, scenario=Scenario.B2C)):
        for contact in record.contacts:
            local, _, domain = contact.email.partition("@")
            assert contact.key in local
            assert len(local) <= 64
            assert re.fullmatch(r"[a-z0-9.-]+", local)
            assert domain.endswith(".example")
            assert all(0 < len(label) <= 63 for label in domain.split("."))


def test_people_work_for_their_company() -> None:
    record = made(5)
    assert record.company
    assert [role_of(c.key) for c in record.contacts] == ["p0", "p1"]
    assert {c.company_name for c in record.contacts} == {record.company.name}
    assert all(c.email.endswith(f"@{record.company.domain}") and c.job_title for c in record.contacts)
    assert record.company.name in record.company.description


def test_b2c_is_one_person_without_a_company() -> None:
    record = made(5, scenario=Scenario.B2C)
    assert record.company is None
    assert [c.key for c in record.contacts] == [f"{SIMULATION}-5-p0"]


@pytest.mark.parametrize("locale", ["de_DE", "fr_FR", "ja_JP", "zh_CN", "ar_SA", "pt_BR", "de", "xx_XX"])
def test_any_locale_works_and_an_unknown_one_falls_back(locale: str) -> None:
    record = made(1, locale=locale)
    assert record.company
    assert record.company.name


def test_a_deal_belongs_to_its_company_and_closes_after_the_record_came() -> None:
    records = [made(i, deals=Deals(percent=100, won_percent=30, stage="qualifiedtobuy")) for i in range(200)]
    for record in records:
        assert record.company
        assert record.deal
        assert record.deal.key == f"{SIMULATION}-{record.number}-d"
        assert record.company.name in record.deal.name
        assert (record.deal.pipeline, record.deal.stage) == ("default", "qualifiedtobuy")
        assert (record.deal.closes_ms == DUE_MS) == record.deal.won
    assert 30 < sum(1 for record in records if record.deal and record.deal.won) < 90


def test_some_records_have_a_deal_and_amounts_lie_around_the_median() -> None:
    deals = [made(i, deals=Deals(percent=40, amount=Amount(median=5_000, sigma_percent=50))).deal for i in range(500)]
    amounts = sorted(deal.amount for deal in deals if deal)
    assert 150 < len(amounts) < 250
    assert 4_000 < amounts[len(amounts) // 2] < 6_000
    assert amounts[0] < 2_500
    assert amounts[-1] > 10_000


def test_without_spread_every_amount_is_the_median() -> None:
    deal = made(3, deals=Deals(percent=100, amount=Amount(median=700, sigma_percent=0))).deal
    assert deal
    assert deal.amount == 700


def test_a_consumers_deal_names_the_consumer() -> None:
    record = made(5, scenario=Scenario.B2C, deals=Deals(percent=100))
    assert record.deal
    assert record.contacts[0].last_name in record.deal.name


def test_owners_take_turns_and_own_all_of_a_record() -> None:
    owned = [made(i, owners=("7", "8", "9"), deals=Deals(percent=100)) for i in range(6)]
    owners = [{each.owner_id for each in (r.company, *r.contacts, r.deal) if each} for r in owned]
    assert owners == [{"7"}, {"8"}, {"9"}] * 2


def test_another_source_of_flavour_changes_no_amount_and_no_key() -> None:
    """What a language model invents decides nothing but how a record reads."""

    class Told:
        def flavour(self, blueprint: object) -> Flavour:
            words = CompanyFlavour(name="Søderberg & Söhne Windkraft", industry=INDUSTRIES[0], description="Rotor blades.")
            return Flavour(city="Kiel", people=(Person("Zoë", "Groß", "CTO"),) * 2, company=words, deal_name="Rotor blades")

    records = Records(contacts_per_company=Range(min=2, max=2), deals=Deals(percent=100))
    told = RecordMaker(Blueprints(seed=42, scenario=Scenario.B2B, records=records), Told()).record(Identity(SIMULATION, 5), DUE_MS)
    from_faker = made(5, deals=Deals(percent=100))
    assert told.company
    assert from_faker.company
    assert told.company.domain == f"soderberg-sohne-windkraft.{SIMULATION}-5.example"
    assert told.contacts[0].email == f"zoe.{SIMULATION}-5-p0@{told.company.domain}"
    assert told.company.annual_revenue == from_faker.company.annual_revenue
    assert [c.phone for c in told.contacts] == [c.phone for c in from_faker.contacts]
    assert told.deal
    assert from_faker.deal
    assert (told.deal.amount, told.deal.closes_ms) == (from_faker.deal.amount, from_faker.deal.closes_ms)


def test_a_flavour_with_too_few_people_is_refused() -> None:
    blueprint = Blueprints(seed=1, scenario=Scenario.B2B, records=Records(contacts_per_company=Range(min=3, max=3))).of(Identity(OTHER, 0))
    whole = FakerFlavours("en_US").flavour(blueprint)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        compose(blueprint, Flavour(city=whole.city, people=whole.people[:2], company=whole.company), DUE_MS)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Weiß & Söhne", "weiss-sohne"), ("Łukasz", "lukasz"), ("Ærø", "aero"), ("日本", ""), ("O'Neil", "o-neil"), ("a" * 50, "a" * 40)],
)
def test_names_become_parts_of_addresses(text: str, plain: str) -> None:
    assert slug(text, 40) == plain


def test_first_and_family_names_go_together() -> None:
    """In Czech a woman's family name has a form of its own."""
    people = [contact for i in range(50) for contact in made(i, locale="cs_CZ").contacts]
    women = {"Jana", "Marie", "Eva", "Hana", "Anna", "Lenka", "Kateřina", "Lucie", "Věra", "Alena"}
    found = [person for person in people if person.first_name in women]
    assert found
    assert all(person.last_name.endswith(("á", "í", "ů")) for person in found)
