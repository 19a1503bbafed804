"""/crm/…/objects/{type}/search: behind by a moment, and at its end after 10,000 results, as HubSpot's is."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import Answer, Json, invalid
from simulation_sandbox.hubspot.filters import Values, compiled, known_property, sort_key
from simulation_sandbox.hubspot.gate import Call
from simulation_sandbox.hubspot.object_types import object_type
from simulation_sandbox.hubspot.objects_api import property_names
from simulation_sandbox.hubspot.records import Record, Records

MAX_RESULTS = 10_000
MAX_PAGE = 200
MAX_QUERY = 3_000


def search(call: Call) -> Answer:
    if not isinstance(call.body, dict):
        raise invalid("Invalid input JSON: an object is expected")
    asked: Json = call.body
    records = call.account.objects[object_type(call.path["objectType"]).name]
    limit, after = _number(asked, "limit", 10), _number(asked, "after", 0)
    if not 1 <= limit <= MAX_PAGE:
        raise invalid(f"limit must be a number from 1 to {MAX_PAGE}, not {limit}")
    if after + limit > MAX_RESULTS:
        raise invalid(f"Searches end at {MAX_RESULTS} results: after + limit is {after + limit}. Narrow the filters instead.")
    found = _sorted(records, asked.get("sorts"), _fitting(records, asked, now_ms() - call.account.behaviour.search_lag_ms))
    shown = found[after : after + limit]
    names = property_names(records.kind, asked.get("properties") or [])
    body: Json = {"total": len(found), "results": [record.as_json(names, values) for record, values in shown]}
    if len(found) > after + limit:
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def _number(asked: Json, name: str, default: int) -> int:
    given = str(asked.get(name) or default)
    if not given.isdigit():
        raise invalid(f"{name} must be a number, not {given}")
    return int(given)


def _fitting(records: Records, asked: Json, horizon_ms: int) -> list[tuple[Record, Values]]:
    fits = compiled(asked.get("filterGroups") or [], records.properties.by_name)
    words = str(asked.get("query") or "").casefold()
    if len(words) > MAX_QUERY:
        raise invalid(f"The query has more than {MAX_QUERY} characters.")
    found = [each for each in as_indexed(records, horizon_ms) if fits(each[1])]
    if not words:
        return found
    named = records.kind.read_by_default
    return [each for each in found if any(words in each[1].get(name, "").casefold() for name in named)]


def as_indexed(records: Records, horizon_ms: int) -> Iterator[tuple[Record, Values]]:
    """The records and their values as they were at the horizon; what was archived since is still there."""
    for record in records.live.values():
        if record.created_ms <= horizon_ms:
            yield record, record.values_at(horizon_ms)
    for record in reversed(records.archived.values()):
        if (record.archived_ms or 0) <= horizon_ms:
            break
        if record.created_ms <= horizon_ms:
            yield record, record.values_at(horizon_ms)


def _sorted(records: Records, sorts: Any, found: list[tuple[Record, Values]]) -> list[tuple[Record, Values]]:
    """By the one property asked for; otherwise, and among equals, in the order of creation."""
    found.sort(key=lambda each: int(each[0].id))
    if not sorts:
        return found
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise invalid("Only one sort can be applied to a search.")
    (wanted,) = sorts
    if isinstance(wanted, dict):
        name, descending = wanted.get("propertyName"), wanted.get("direction") == "DESCENDING"
    else:
        name, descending = str(wanted).removeprefix("-"), str(wanted).startswith("-")
    key = sort_key(known_property(name, records.properties.by_name))
    keyed = [(key(each[1]), each) for each in found]
    without = [each for (missing, _), each in keyed if missing]
    having = [(size, each) for (missing, size), each in keyed if not missing]
    having.sort(key=itemgetter(0), reverse=descending)
    return [each for _, each in having] + without
