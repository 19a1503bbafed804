"""What of a model's answer is kept: each record by itself, if everything it has to say is there and harmless. Pure.

A record that is good stays good however the rest looks: an answer that was cut off, or wrapped in prose, still gives those before the cut.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulation_core.content.blueprint import Blueprint
from simulation_core.content.flavour import CompanyFlavour, Flavour, Person
from simulation_core.content.trades import INDUSTRIES
from simulation_core.spec import Scenario
from simulation_worker.content.causes import Cause
from simulation_worker.content.model import Reply

NAME, TITLE, DESCRIPTION = 80, 80, 500  # characters; more than was asked for, less than HubSpot's limits
_INDUSTRIES: Mapping[str, str] = {industry.lower(): industry for industry in INDUSTRIES}
_RECORDS = re.compile(r'"records"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_SPACE = re.compile(r"\s+")
# What could lead somewhere: a name followed by a dot and what may be a top-level domain, such as example.com, or by an address's marks.
_LEADS_SOMEWHERE = re.compile(r"@|://|\bwww\.|[<>]|\w\.(?:[a-z]{2,}|[A-Z]{2,})\b")


class _FaultyError(ValueError):
    """A field is missing, or not fit to be shown."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Each record that was asked for is in one of the two, by its number."""

    good: Mapping[int, Flavour]
    faulty: Mapping[int, Cause]


def judge(reply: Reply, wanted: Sequence[Blueprint]) -> Judged:
    items, is_whole = _items(reply.text)
    by_number: dict[int, Mapping[str, Any]] = {}
    for item in items:
        by_number.setdefault(item["number"], item)
    left_out = reply.cause or (Cause.MISSING if is_whole else Cause.NOT_JSON)
    good: dict[int, Flavour] = {}
    faulty: dict[int, Cause] = {}
    for blueprint in wanted:
        number = blueprint.identity.record
        if number not in by_number:
            faulty[number] = left_out
            continue
        try:
            good[number] = _flavour(by_number[number], blueprint)
        except _FaultyError:
            faulty[number] = Cause.INVALID
    return Judged(good=good, faulty=faulty)


def _items(text: str) -> tuple[list[Mapping[str, Any]], bool]:
    """All that name their record, and whether the JSON was whole."""
    start = text.find("{")
    try:
        found = json.JSONDecoder().raw_decode(text, start)[0]["records"] if start >= 0 else None
    except (ValueError, LookupError, TypeError, RecursionError):
        found = None
    is_whole = isinstance(found, list)
    items = found if isinstance(found, list) else _before_the_cut(text)
    return [item for item in items if isinstance(item, dict) and _is_number(item.get("number"))], is_whole


def _before_the_cut(text: str) -> Iterator[Any]:
    begins = _RECORDS.search(text)
    place = begins.end() if begins else len(text)
    while True:
        between = _BETWEEN.match(text, place)
        try:
            item, place = json.JSONDecoder().raw_decode(text, between.end() if between else place)
        except (ValueError, RecursionError):
            return
        yield item


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _flavour(item: Mapping[str, Any], blueprint: Blueprint) -> Flavour:
    """Raises _FaultyError. Surplus people are left out; too few are a fault."""
    is_b2b = blueprint.scenario is Scenario.B2B
    people = item.get("people")
    if not isinstance(people, list) or len(people) < blueprint.people:
        raise _FaultyError
    return Flavour(
        city=_text(item, "city", NAME),
        people=tuple(_person(person, with_title=is_b2b) for person in people[: blueprint.people]),
        company=_company(item.get("company")) if is_b2b else None,
        deal_name=_text(item, "dealName", NAME + TITLE) if blueprint.deal else None,
    )


def _person(person: object, *, with_title: bool) -> Person:
    title = _text(person, "jobTitle", TITLE) if with_title else None
    return Person(_text(person, "firstName", NAME), _text(person, "lastName", NAME), title)


def _company(company: object) -> CompanyFlavour:
    industry = _INDUSTRIES.get(_text(company, "industry", NAME).lower())
    if industry is None:
        raise _FaultyError
    return CompanyFlavour(name=_text(company, "name", NAME), industry=industry, description=_text(company, "description", DESCRIPTION))


def _text(part: object, field: str, most: int) -> str:
    """In one line, with a letter in it, and leading nowhere."""
    value = part.get(field) if isinstance(part, dict) else None
    if not isinstance(value, str):
        raise _FaultyError
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", value)).strip()
    if len(text) > most or not any(map(str.isalpha, text)) or _LEADS_SOMEWHERE.search(text) or any(map(_is_invisible, text)):
        raise _FaultyError
    return text


def _is_invisible(letter: str) -> bool:
    """Controls, halves of characters, private ones; joiners are part of words in some scripts."""
    return unicodedata.category(letter) in {"Cc", "Cs", "Co", "Cn"} or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
