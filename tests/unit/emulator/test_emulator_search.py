"""What a search knows of a write, by the time that has passed since."""

from __future__ import annotations

import itertools

from simulation_sandbox.hubspot.behaviour import Behaviour
from simulation_sandbox.hubspot.object_types import OBJECT_TYPES
from simulation_sandbox.hubspot.pipelines import Pipelines
from simulation_sandbox.hubspot.properties import Properties
from simulation_sandbox.hubspot.records import Records
from simulation_sandbox.hubspot.search_api import as_indexed

LAG_MS = 1_000


def companies() -> Records:
    kind = OBJECT_TYPES["companies"]
    return Records(kind, Properties(kind), itertools.count(1), Pipelines(kind.name), Behaviour(search_lag_ms=LAG_MS))


def seen(records: Records, now_ms: int) -> list[str]:
    return [values["name"] for _, values in as_indexed(records, now_ms - LAG_MS)]


def test_a_new_record_is_seen_a_moment_later() -> None:
    records = companies()
    records.create({"name": "Wind"}, 10_000)
    assert seen(records, 10_999) == []
    assert seen(records, 11_000) == ["Wind"]


def test_a_changed_record_is_seen_as_it_was_for_a_moment() -> None:
    records = companies()
    record = records.create({"name": "Wind"}, 10_000)
    records.update(record, {"name": "Sun"}, 20_000)
    assert seen(records, 20_999) == ["Wind"]
    assert seen(records, 21_000) == ["Sun"]


def test_of_many_changes_in_a_moment_none_is_seen_too_early() -> None:
    records = companies()
    record = records.create({"name": "Wind"}, 10_000)
    for moment_ms, name in ((20_000, "Sun"), (20_500, "Rain")):
        records.update(record, {"name": name}, moment_ms)
    assert seen(records, 20_999) == ["Wind"]


def test_an_archived_record_is_still_seen_for_a_moment() -> None:
    records = companies()
    record = records.create({"name": "Wind"}, 10_000)
    records.archive(record.id, 20_000)
    assert seen(records, 20_999) == ["Wind"]
    assert seen(records, 21_000) == []


def test_a_record_archived_before_it_was_seen_never_is() -> None:
    records = companies()
    record = records.create({"name": "Wind"}, 10_000)
    records.archive(record.id, 10_100)
    assert [seen(records, now_ms) for now_ms in (10_500, 11_050, 12_000)] == [[], ["Wind"], []]
