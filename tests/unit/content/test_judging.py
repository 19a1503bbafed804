"""What of a model's answer is kept, record by record."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from simulation_core.content.blueprint import Blueprint, Blueprints
from simulation_core.content.flavour import CompanyFlavour, Flavour, Person
from simulation_core.content.keys import Identity
from simulation_core.spec import Records, Scenario
from simulation_worker.content.causes import Cause
from simulation_worker.content.judging import judge
from simulation_worker.content.model import Reply
from simulation_worker.content.stock import as_content, as_flavour

RUN = UUID("6f1c2a55-0000-4222-8333-444455556666")


def wanted(*numbers: int, scenario: Scenario = Scenario.B2B, deals: int = 0, people: int = 1) -> list[Blueprint]:
    records = Records.model_validate({"contactsPerCompany": {"min": people, "max": people}, "deals": {"percent": deals}})
    blueprints = Blueprints(seed=1, scenario=scenario, records=records)
    return [blueprints.of(Identity(RUN, number)) for number in numbers]


def item(number: int, **more: Any) -> dict[str, Any]:
    """A good one, unless the test says otherwise."""
    return {
        "number": number,
        "city": "Bremen",
        "company": {"name": "Windkraft Reuter", "industry": "Machinery", "description": "Builds gears for turbines."},
        "people": [{"firstName": "Jörg", "lastName": "Vogt", "jobTitle": "Head of Sales"}],
        **more,
    }


def company(**more: Any) -> dict[str, Any]:
    return {"company": {**item(0)["company"], **more}}


def person(**more: Any) -> dict[str, Any]:
    return {"people": [{**item(0)["people"][0], **more}]}


def reply(*items: Any, cause: Cause | None = None) -> Reply:
    return Reply(text=json.dumps({"records": items}), cause=cause)


def test_a_good_answer_becomes_flavours() -> None:
    judged = judge(reply(item(7), item(8, city="Kassel")), wanted(7, 8))
    assert judged.faulty == {}
    assert judged.good[7] == Flavour(
        city="Bremen",
        people=(Person("Jörg", "Vogt", "Head of Sales"),),
        company=CompanyFlavour(name="Windkraft Reuter", industry="Machinery", description="Builds gears for turbines."),
    )
    assert judged.good[8].city == "Kassel"


def test_a_consumer_has_neither_company_nor_title() -> None:
    consumer = item(7, people=[{"firstName": "Amélie", "lastName": "Vidal"}])
    del consumer["company"]
    assert judge(reply(consumer), wanted(7, scenario=Scenario.B2C)).good[7] == Flavour(
        city="Bremen", people=(Person("Amélie", "Vidal", None),)
    )


def test_a_deal_needs_a_name() -> None:
    judged = judge(reply(item(7, dealName="Gears for a year"), item(8)), wanted(7, 8, deals=100))
    assert judged.good[7].deal_name == "Gears for a year"
    assert judged.faulty == {8: Cause.INVALID}


def test_what_is_stored_reads_the_same() -> None:
    for judged in (
        judge(reply(item(7, dealName="Gears")), wanted(7, deals=100)),
        judge(reply(item(7)), wanted(7, scenario=Scenario.B2C)),
    ):
        assert as_flavour(json.loads(json.dumps(as_content(judged.good[7])))) == judged.good[7]


def test_the_order_does_not_matter_nor_what_nobody_asked_for_and_the_first_of_two_counts() -> None:
    judged = judge(reply(item(9), item(8), item(7), item(8, city="Kassel")), wanted(7, 8))
    assert judged.good.keys() == {7, 8}
    assert judged.good[8].city == "Bremen"


def test_a_record_left_out_is_told_apart_from_those_that_are_there() -> None:
    judged = judge(reply(item(7)), wanted(7, 8))
    assert (judged.good.keys(), judged.faulty) == ({7}, {8: Cause.MISSING})


def test_an_answer_that_was_cut_off_gives_the_records_before_the_cut() -> None:
    whole = json.dumps({"records": [item(7), item(8), item(9)]})
    judged = judge(Reply(text=whole[: whole.index('"number": 9') + 20], cause=Cause.TRUNCATED), wanted(7, 8, 9))
    assert (judged.good.keys(), judged.faulty) == ({7, 8}, {9: Cause.TRUNCATED})


@pytest.mark.parametrize("around", ["```json\n{}\n```", "Here you are: {} Enjoy!"])
def test_json_in_prose_is_found(around: str) -> None:
    text = around.replace("{}", json.dumps({"records": [item(7)]}))
    assert judge(Reply(text=text), wanted(7)).good.keys() == {7}


@pytest.mark.parametrize(
    "text",
    ["", "Of course! Here they are.", "{'records': []}", "[1]", "{", '{"records": 7}', '{"records": [7, null, "x"', "{}{}", "[" * 5000],
)
def test_what_is_no_json_of_ours_gives_nothing(text: str) -> None:
    assert judge(Reply(text=text), wanted(7)).faulty == {7: Cause.NOT_JSON}


def test_a_refusal_is_the_cause_of_all() -> None:
    assert judge(Reply(cause=Cause.REFUSED), wanted(7, 8)).faulty == {7: Cause.REFUSED, 8: Cause.REFUSED}


@pytest.mark.parametrize(
    "more",
    [
        {"city": None},
        {"city": ""},
        {"city": "x" * 81},
        {"city": "12345"},
        {"city": 7},
        {"company": None},
        company(name="Visit acme-corp.com today"),
        company(name="ACME.COM"),
        company(name="www.acme"),
        company(description="Write to sales@acme.example!"),
        company(description="See https://acme"),
        company(description="x" * 501),
        company(description="<script>alert</script>"),
        company(industry="Wizardry"),
        person(firstName="Jörg\x00"),
        person(firstName="J\u202egröJ"),
        person(lastName=""),
        person(jobTitle=None),
        person(firstName="\ud800abc"),
        {"people": []},
        {"people": "Jörg Vogt"},
        {"people": ["Jörg Vogt"]},
        {"people": None},
    ],
    ids=str,
)
def test_a_record_with_a_field_that_is_missing_or_could_do_harm_is_not_kept(more: dict[str, Any]) -> None:
    judged = judge(reply(item(7, **more), item(8)), wanted(7, 8))
    assert (judged.good.keys(), judged.faulty) == ({8}, {7: Cause.INVALID})


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (company(name="  Vogt &\n Söhne  "), "Vogt & Söhne"),
        (company(name="St. Gallen Turbinen A.G."), "St. Gallen Turbinen A.G."),
        (company(name="Müller, Inc."), "Müller, Inc."),
        (company(name="風力株式会社"), "風力株式会社"),
        (company(name="U\u0308ber Wind"), "Über Wind"),
    ],
    ids=str,
)
def test_names_are_kept_as_people_write_them(more: dict[str, Any], name: str) -> None:
    flavour = judge(reply(item(7, **more)), wanted(7)).good[7]
    assert flavour.company is not None
    assert flavour.company.name == name


def test_surplus_people_are_left_out_and_too_few_are_a_fault() -> None:
    three = item(0)["people"] * 3
    assert len(judge(reply(item(7, people=three)), wanted(7, people=2)).good[7].people) == 2
    assert judge(reply(item(7)), wanted(7, people=2)).faulty == {7: Cause.INVALID}
    assert judge(reply(item(7, people=[])), wanted(7, people=0)).good[7].people == ()


def test_an_industry_counts_in_any_case() -> None:
    flavour = judge(reply(item(7, **company(industry="machinery"))), wanted(7)).good[7]
    assert flavour.company is not None
    assert flavour.company.industry == "Machinery"
