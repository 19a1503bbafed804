"""What the model is asked: some records at once, in one message of JSON, with a schema its answer has to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INSTRUCTIONS = """\
You invent entries for a CRM that is filled with test data. Answer with JSON that follows the schema, and nothing else.
For each entry of "records" in the user's message return one item with the same "number" and exactly as many "people" as it says.
Everything you write fits the theme, and the language and country of the locale. Companies and people are invented: use no name of a real
company or a well-known person, and no two alike. Write no e-mail addresses, internet addresses, domains, phone numbers or amounts of money.
Names are at most 60 characters long, job titles at most 60, descriptions one sentence of at most 200.\
"""
# Upper bounds, generous: what isn't used is given back. A model that thinks first spends tokens on it as well.
TOKENS_BESIDE = 1_000
TOKENS_A_RECORD = 220
TOKENS_A_PERSON = 60
CHARACTERS_A_TOKEN = 2  # at least, in any language; so it overestimates


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One record the model is to write."""

    number: int
    people: int
    deal: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    wanted: Sequence[Wanted]
    companies: bool  # B2B: each has one, and people have titles there
    industries: Sequence[str]  # what a company's industry may be
    theme: str | None
    locale: str

    @property
    def most_answered(self) -> int:
        """Tokens an answer may take at most: it is cut off there."""
        return TOKENS_BESIDE + sum(TOKENS_A_RECORD + TOKENS_A_PERSON * wanted.people for wanted in self.wanted)

    @property
    def most_tokens(self) -> int:
        """Of question and answer together."""
        asked = sum(len(message["content"]) for message in self.messages()) + len(json.dumps(self.schema()))
        return asked // CHARACTERS_A_TOKEN + self.most_answered

    def messages(self) -> list[dict[str, str]]:
        records = [{"number": each.number, "people": each.people, **({"deal": True} if each.deal else {})} for each in self.wanted]
        asked = {"theme": self.theme or "businesses of all kinds", "locale": self.locale, "records": records}
        return [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": json.dumps(asked, ensure_ascii=False)}]

    def schema(self) -> dict[str, Any]:
        """Strict as OpenAI means it: every field required, none besides. Bounds aren't among what all servers know: judging has them."""
        person = {"firstName": TEXT, "lastName": TEXT}
        record: dict[str, Any] = {"number": {"type": "integer"}, "city": TEXT}
        if self.companies:
            person["jobTitle"] = TEXT
            industry = {"type": "string", "enum": list(self.industries)}
            record["company"] = _object({"name": TEXT, "industry": industry, "description": TEXT})
        record["people"] = {"type": "array", "items": _object(person)}
        if any(each.deal for each in self.wanted):
            record["dealName"] = {**TEXT, "description": "what is sold, in a few words; empty where the entry has no deal"}
        return _object({"records": {"type": "array", "items": _object(record)}})


TEXT: Mapping[str, Any] = {"type": "string"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False}
