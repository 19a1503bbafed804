"""`kubectl simulation sample`: what the worker would create, before it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from typer.testing import CliRunner

from simulation_cli import main
from simulation_core.content.faker_source import faker_records
from simulation_core.content.keys import Identity
from simulation_core.spec import Range, Records, Scenario

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
NOBODY = UUID(int=0)


def sampled(manifest: Path, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(main.app, ["sample", "-f", str(manifest), "-o", "json", *options])
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.output)
    return shown


def with_spec(manifest: Path, *lines: str) -> Path:
    manifest.write_text(manifest.read_text() + "".join(f"  {line}\n" for line in lines))
    return manifest


def as_delivered(seed: int, uid: UUID, number: int, *, contacts: Range | None = None, scenario: Scenario = Scenario.B2B) -> tuple[Any, ...]:
    """Name and key of what the worker's source makes."""
    records = Records(contacts_per_company=contacts or Range())
    record = faker_records(seed=seed, scenario=scenario, records=records, locale="en_US").record(Identity(uid, number), 0)
    company = None if record.company is None else (record.company.name, record.company.key)
    return company, [(contact.email, contact.key) for contact in record.contacts]


def as_shown(record: dict[str, Any]) -> tuple[Any, ...]:
    company = record.get("company")
    return company and (company["name"], company["key"]), [(contact["email"], contact["key"]) for contact in record["contacts"]]


def test_the_records_are_those_the_worker_makes(manifest: Path) -> None:
    shown = sampled(with_spec(manifest, "seed: 42", "records: {contactsPerCompany: {min: 1, max: 3}}"), "--uid", str(UID), "-r", "4")
    assert [as_shown(record) for record in shown["records"]] == [
        as_delivered(42, UID, number, contacts=Range(min=1, max=3)) for number in range(4)
    ]
    assert shown["notes"] == []


def test_each_is_shown_with_its_due_time(manifest: Path) -> None:
    assert [record["due"] for record in sampled(manifest)["records"]] == [f"2037-12-01T08:00:0{second}.500Z" for second in range(4)]


def test_b2c_shows_contacts_alone(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("B2B", "B2C"))
    (record,) = sampled(manifest, "--records", "1")["records"]
    assert as_shown(record) == as_delivered(0, NOBODY, 0, scenario=Scenario.B2C)


def test_without_a_seed_it_is_shown_with_zero_and_said_that_the_run_will_differ(manifest: Path) -> None:
    shown = sampled(manifest)
    assert (shown["seed"], UUID(shown["uid"])) == (0, NOBODY)
    assert as_shown(shown["records"][0]) == as_delivered(0, NOBODY, 0)
    assert "the real run's content will differ" in shown["notes"][0]
    assert "Zeros stand for the Simulation's uid" in shown["notes"][1]


def test_a_uid_brings_the_seed_that_the_operator_derives_from_it(manifest: Path) -> None:
    shown = sampled(manifest, "--uid", str(UID))
    assert shown["seed"] == UID.int % 2**53
    assert as_shown(shown["records"][0]) == as_delivered(UID.int % 2**53, UID, 0)


def test_another_seed_may_be_tried(manifest: Path) -> None:
    shown = sampled(with_spec(manifest, "seed: 42"), "--seed", "7")
    assert as_shown(shown["records"][0]) == as_delivered(7, NOBODY, 0)
    assert shown["notes"][0] == "--seed 7 stands in for spec.seed 42."


def test_a_locale_that_faker_does_not_know_is_said(manifest: Path) -> None:
    shown = sampled(with_spec(manifest, "content: {locale: xx_XX}"))
    assert "spec.content.locale: Faker doesn't know xx_XX; the records are made with en_US." in shown["notes"]


def test_text_fits_a_hundred_columns_and_has_no_trailing_blanks(manifest: Path) -> None:
    output = CliRunner().invoke(main.app, ["sample", "-f", str(manifest)], env={"COLUMNS": "100"}).output
    assert max(map(len, output.splitlines())) <= 100
    assert all(line == line.rstrip() for line in output.splitlines())


def test_text_uses_the_words_of_people(manifest: Path) -> None:
    output = CliRunner().invoke(main.app, ["sample", "-f", str(manifest), "-r", "1"], env={"COLUMNS": "100"}).output
    lines = [line.strip("│├└─ ") for line in output.splitlines()]
    assert lines[:2] == ["The first 1 of 4 records, with seed 0", "record 0, due 2037-12-01T08:00:00.500Z"]
    assert any(line.startswith("company  name            ") for line in lines)
    assert any(line.startswith("annual revenue  ") for line in lines)
    assert any(line.startswith("contact  first name  ") for line in lines)


def test_deals_owners_and_properties_are_shown(manifest: Path) -> None:
    given = "records: {deals: {percent: 100, stage: contractsent}, ownerIds: ['7'], properties: {contacts: {hs_lead_status: NEW}}}"
    with_spec(manifest, "seed: 42", given)
    (record,) = sampled(manifest, "-r", "1")["records"]
    assert record["deal"]["stage"] == "contractsent"
    assert record["company"]["name"] in record["deal"]["name"]
    assert {record["company"]["owner"], record["contacts"][0]["owner"], record["deal"]["owner"]} == {"7"}
    assert record["contacts"][0]["properties"] == {"hs_lead_status": "NEW"}
    output = CliRunner().invoke(main.app, ["sample", "-f", str(manifest), "-r", "1"], env={"COLUMNS": "100"}).output
    assert "hs_lead_status  NEW" in output
    assert "deal  name" in output


def test_what_a_model_would_write_is_not_pretended(manifest: Path) -> None:
    assert any("a language model writes" in note for note in sampled(with_spec(manifest, "content: {source: OpenAI}"))["notes"])


def test_n_is_the_namespace_everywhere_and_nothing_here(manifest: Path) -> None:
    assert CliRunner().invoke(main.app, ["sample", "-f", str(manifest), "-n", "1"]).exit_code == 2
