"""An answer by the schema it was asked for in: an item for each record the user's message lists, in words that follow from its number.

The message is JSON with `records`, each with a `number` and perhaps `people`; `theme` and `locale` colour the words. A model reads more
kinds of messages. This one needs to read ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

FIRST_NAMES: Mapping[str, Sequence[str]] = {
    "de": ("Anneliese", "Bernhard", "Friederike", "Jörg", "Katrin", "Lutz", "Silke", "Uwe"),
    "fr": ("Amélie", "Baptiste", "Clémence", "Étienne", "Hélène", "Luc", "Margaux", "Yves"),
    "en": ("Abigail", "Declan", "Frances", "Howard", "Imogen", "Lewis", "Nora", "Theodore"),
}
LAST_NAMES: Mapping[str, Sequence[str]] = {
    "de": ("Brandt", "Eichhorn", "Fuhrmann", "Kessler", "Niemann", "Reuter", "Sauer", "Vogt"),
    "fr": ("Beaumont", "Carpentier", "Fontaine", "Lefèvre", "Marchand", "Perrin", "Rousseau", "Vidal"),
    "en": ("Ashworth", "Calloway", "Fairbanks", "Hargrove", "Lockwood", "Pemberton", "Sinclair", "Whitaker"),
}
CITIES: Mapping[str, Sequence[str]] = {
    "de": ("Bremen", "Dresden", "Flensburg", "Kassel", "Münster", "Rostock"),
    "fr": ("Annecy", "Brest", "Lille", "Nantes", "Rouen", "Toulouse"),
    "en": ("Boulder", "Charleston", "Duluth", "Madison", "Portland", "Spokane"),
}
TITLES = ("Head of Procurement", "Operations Manager", "Site Planner", "Managing Director", "Project Lead", "Quality Manager")
NOUNS = ("Works", "Partners", "Systems", "Group", "Services", "Supply")
ADJECTIVES = ("Northern", "Bright", "Harbour", "Summit", "Meadow", "Granite", "Coastal", "Amber")
SEVERAL = ("people", "contacts")


def answer(schema: Mapping[str, Any], message: str) -> dict[str, Any]:
    """Raises ValueError where the message isn't JSON with records in it."""
    try:
        asked = json.loads(message)
        records = asked["records"]
        numbers = [(int(record["number"]), int(record.get("people", 1))) for record in records]
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise ValueError("the user's message holds no JSON with records") from problem
    theme, locale = str(asked.get("theme") or "business"), str(asked.get("locale") or "en_US")
    (name, of_list), *_ = schema["properties"].items()
    return {name: [_Author(number, theme, locale).fill(of_list["items"], people) for number, people in numbers]}


class _Author:
    """Writes one record."""

    def __init__(self, number: int, theme: str, locale: str) -> None:
        seed = hashlib.blake2b(f"{number}:{theme}:{locale}".encode(), digest_size=8).digest()
        self._dice = Random(int.from_bytes(seed))  # noqa: S311 - made-up names are no secret
        self._number = number
        self._theme = theme
        self._language = locale.partition("_")[0] if locale.partition("_")[0] in FIRST_NAMES else "en"

    def fill(self, schema: Mapping[str, Any], people: int, name: str = "") -> Any:
        if "enum" in schema:
            return self._dice.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return {each: self.fill(of_it, people, each) for each, of_it in schema["properties"].items()}
            case "array":
                return [self.fill(schema["items"], 1, name) for _ in range(people if name in SEVERAL else 1)]
            case "integer" | "number":
                return self._number
            case _:
                return self._text(name.replace("_", "").lower())

    def _text(self, name: str) -> str:
        pick = self._dice.choice
        last_name, language = pick(LAST_NAMES[self._language]), self._language
        words: dict[str, Callable[[], str]] = {
            "firstname": lambda: pick(FIRST_NAMES[language]),
            "lastname": lambda: last_name,
            "deal": lambda: f"{self._theme.split()[0].title()} for {last_name}",
            "city": lambda: pick(CITIES[language]),
            "title": lambda: pick(TITLES),
            "industry": self._theme[:60].title,
            "description": lambda: f"{pick(ADJECTIVES)} specialists in {self._theme}, at home wherever customers need them.",
        }
        known = next((write for part, write in words.items() if part in name), None)
        return known() if known else f"{last_name} {pick(ADJECTIVES)} {self._theme.split()[0].title()} {pick(NOUNS)}"
