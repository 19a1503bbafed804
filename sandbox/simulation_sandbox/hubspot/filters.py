"""Which records a search means: its filters as one test of a record's properties. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from simulation_core.clock import to_ms
from simulation_sandbox.hubspot.answers import invalid
from simulation_sandbox.hubspot.property import Property

MAX_GROUPS, MAX_FILTERS_OF_A_GROUP, MAX_FILTERS = 5, 6, 18

Values = Mapping[str, str]
Test = Callable[[Values], bool]
_TOKEN = re.compile(r"[\w*]+")


def compiled(groups: Any, properties: Mapping[str, Property]) -> Test:
    """One group must fit, and of that one all filters. No group fits everything."""
    if not isinstance(groups, list) or not all(isinstance(each, dict) and isinstance(each.get("filters"), list) for each in groups):
        raise invalid("Invalid input JSON: filterGroups is a list of objects, each with a list of [filters]")
    sizes = [len(each["filters"]) for each in groups]
    if len(sizes) > MAX_GROUPS or max(sizes, default=0) > MAX_FILTERS_OF_A_GROUP or sum(sizes) > MAX_FILTERS:
        raise invalid(
            f"Too many filters: at most {MAX_GROUPS} groups with {MAX_FILTERS_OF_A_GROUP} filters each, and {MAX_FILTERS} in all."
        )
    tests = [[_one(given, properties) for given in each["filters"]] for each in groups]
    if not tests:
        return lambda _: True
    return lambda values: any(all(test(values) for test in group) for group in tests)


def sort_key(known: Property) -> Callable[[Values], tuple[bool, Any]]:
    """Those without a value come last."""
    measure = _measure(known)

    def key(values: Values) -> tuple[bool, Any]:
        value = values.get(known.name)
        return (True, 0) if not value else (False, measure(value))

    return key


def known_property(name: Any, properties: Mapping[str, Property]) -> Property:
    if name not in properties:
        raise invalid(f"There was a problem with the request. Property {name!r} does not exist.")
    return properties[name]


def _one(given: Any, properties: Mapping[str, Property]) -> Test:
    known = known_property(given.get("propertyName"), properties)
    name, operator = known.name, given.get("operator")
    measure = _measure(known)

    def wanted(field: str) -> Any:
        if given.get(field) in (None, ""):
            raise invalid(f"operator {operator} requires [{field}] (property {name})")
        try:
            return measure(str(given[field]))
        except ValueError:
            raise invalid(f"{given[field]} is not a value of the property {name}") from None

    def listed() -> set[Any]:
        if not isinstance(given.get("values"), list) or not given["values"]:
            raise invalid(f"operator {operator} requires [values] (property {name})")
        return {measure(str(each)) for each in given["values"]}

    match operator:
        case "HAS_PROPERTY":
            return lambda values: bool(values.get(name))
        case "NOT_HAS_PROPERTY":
            return lambda values: not values.get(name)
        case "IN" | "NOT_IN":
            among, inside = listed(), operator == "IN"
            return lambda values: bool(values.get(name)) and (measure(values[name]) in among) is inside
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            wanted("value")
            tokens, contains = _tokens(str(given["value"])), operator == "CONTAINS_TOKEN"
            return lambda values: _contains(values.get(name, ""), tokens) is contains
        case "BETWEEN":
            low, high = wanted("value"), wanted("highValue")
            return lambda values: bool(values.get(name)) and low <= measure(values[name]) <= high
        case "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE":
            compare, value = _COMPARISONS[operator], wanted("value")
            return lambda values: bool(values.get(name)) and compare(measure(values[name]), value)
    raise invalid(f"Invalid input JSON: operator {operator!r} is none of a search's")


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda a, b: bool(a == b),
    "NEQ": lambda a, b: bool(a != b),
    "LT": lambda a, b: bool(a < b),
    "LTE": lambda a, b: bool(a <= b),
    "GT": lambda a, b: bool(a > b),
    "GTE": lambda a, b: bool(a >= b),
}


def _measure(known: Property) -> Callable[[str], Any]:
    """What a value is compared by: numbers and moments by size, text without regard to case."""
    if known.name == "hs_object_id":
        return int
    if known.type == "number":
        return float
    if known.type in ("date", "datetime"):
        return _moment_ms
    return str.casefold


def _moment_ms(value: str) -> int:
    if value.lstrip("-").isdigit():
        return int(value)
    moment = datetime.fromisoformat(value)
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())


def _contains(value: str, patterns: list[str]) -> bool:
    have = _tokens(value)
    return bool(patterns) and all(any(fnmatchcase(token, pattern) for token in have) for pattern in patterns)
