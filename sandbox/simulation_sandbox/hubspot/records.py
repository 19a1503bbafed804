"""The objects of one type in one account, kept unique where HubSpot keeps them unique."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation_core.clock import iso_ms
from simulation_sandbox.hubspot.answers import ApiError, BadValue, Json, conflict, invalid, invalid_values, not_found
from simulation_sandbox.hubspot.behaviour import Behaviour
from simulation_sandbox.hubspot.object_types import ObjectType
from simulation_sandbox.hubspot.pipelines import Pipelines
from simulation_sandbox.hubspot.properties import Properties
from simulation_sandbox.hubspot.standard_properties import LIFECYCLE_STAGES


@dataclass(slots=True)
class Record:
    id: str
    properties: dict[str, str]
    created_ms: int
    updated_ms: int
    writes: int = 1
    archived_ms: int | None = None
    before: tuple[int, dict[str, str]] | None = None  # when the values of before were replaced, and those: what a search still sees
    associated: dict[str, dict[str, set[int]]] = field(default_factory=dict)  # other type → other id → association type ids

    def values_at(self, moment_ms: int) -> dict[str, str]:
        return self.before[1] if self.before and self.before[0] > moment_ms else self.properties

    def as_json(self, only: list[str] | None = None, values: Mapping[str, str] | None = None) -> Json:
        """The object as HubSpot answers it; `only` names the properties (those without a value are left out); `values`: not its own."""
        values = self.properties if values is None else values
        properties = values if only is None else {name: values[name] for name in only if name in values}
        body: Json = {
            "id": self.id,
            "properties": properties,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.updated_ms),
            "archived": self.archived_ms is not None,
        }
        if self.archived_ms is not None:
            body["archivedAt"] = iso_ms(self.archived_ms)
        return body


class Records:
    """Created, found, changed and archived one at a time; the caller holds the account's lock.

    `ids` is shared by all types of all accounts, so an id names one object in the whole emulator.
    """

    def __init__(
        self, kind: ObjectType, properties: Properties, ids: itertools.count[int], pipelines: Pipelines, behaviour: Behaviour
    ) -> None:
        self.kind = kind
        self.properties = properties
        self.live: dict[str, Record] = {}  # in the order of creation
        self.archived: dict[str, Record] = {}
        self._ids = ids
        self._pipelines = pipelines
        self._behaviour = behaviour
        self._blocked: set[str] = set()  # e-mails of contacts deleted for ever
        self._unique: dict[str, dict[str, Record]] = {}  # property → value → who has it

    def __iter__(self) -> Iterator[Record]:
        return iter(self.live.values())

    def find(self, key: str, id_property: str | None) -> Record | None:
        if id_property in (None, "", "hs_object_id"):
            return self.live.get(key)
        assert id_property is not None
        if not self.is_unique(id_property):
            raise invalid(f"Property '{id_property}' is not a unique identifier property of {self.kind.name}: idProperty needs one.")
        return self._holders(id_property).get(key.strip().lower() if id_property == "email" else key)

    def find_archived(self, key: str, id_property: str | None) -> Record | None:
        """The last one archived with that key."""
        if id_property in (None, "", "hs_object_id"):
            return self.archived.get(key)
        return next((each for each in reversed(self.archived.values()) if each.properties.get(id_property) == key), None)

    def get(self, key: str, id_property: str | None = None, *, archived: bool = False) -> Record:
        record = (self.find_archived if archived else self.find)(key, id_property)
        if record is None:
            raise not_found(f"Object not found. objectId are usually numeric. {self.kind.singular} {key} does not exist.")
        return record

    def is_unique(self, name: str) -> bool:
        known = self.properties.by_name.get(name)
        return known is not None and known.unique

    def check(self, values: Mapping[str, str], record: Record | None) -> None:
        """Raises if these (already checked) values can't be written to that record, or make a new one (None)."""
        if record is None:
            self._check_required(values)
        if self.kind.name == "deals" and ("dealstage" in values or "pipeline" in values):
            self._check_stage(values, record.properties if record else {})
        for name in self.properties.unique_names:
            holder = self._holders(name).get(values[name]) if values.get(name) else None
            if holder is not None and holder is not record:
                raise self._taken(name, values[name], holder)

    def create(self, values: dict[str, str], now_ms: int) -> Record:
        new_id = str(next(self._ids))
        moment = iso_ms(now_ms)
        system = {"createdate": moment, self.kind.modified_property: moment, "hs_object_id": new_id}
        # a deal's createdate may be given, everything else here is HubSpot's own
        record = Record(new_id, system | {name: value for name, value in values.items() if value}, now_ms, now_ms)
        self.live[new_id] = record
        self._index(record, values)
        return record

    def update(self, record: Record, values: Mapping[str, str], now_ms: int) -> None:
        if self._behaviour.search_lag_ms and (record.before is None or record.before[0] <= now_ms - self._behaviour.search_lag_ms):
            record.before = (now_ms, record.properties.copy())
        for name, value in values.items():
            if name == "lifecyclestage" and _goes_backward(record.properties.get(name), value):
                continue  # HubSpot answers 200 and keeps the later stage
            if self.is_unique(name):
                self._holders(name).pop(record.properties.get(name, ""), None)
            if value:
                record.properties[name] = value
            else:
                record.properties.pop(name, None)
        record.properties[self.kind.modified_property] = iso_ms(now_ms)
        record.updated_ms = now_ms
        record.writes += 1
        self._index(record, values)

    def archive(self, record_id: str, now_ms: int) -> Record | None:
        """Archiving what is already gone is fine and changes nothing."""
        record = self.live.pop(record_id, None)
        if record is None:
            return None
        record.archived_ms = now_ms
        self.archived[record_id] = record
        for name, holders in self._unique.items():  # also of properties that are gone: they may come back
            holders.pop(record.properties.get(name, ""), None)
        return record

    def purge(self, record_id: str, now_ms: int) -> None:
        """For ever; the e-mail is refused from now on."""
        if self.archive(record_id, now_ms) is not None:
            email = self.archived.pop(record_id).properties.get("email")
            self._blocked |= {email} if email else set()

    def restore(self, record_id: str) -> Record:
        """An archived record as it was, without its associations. Raises if another one has its unique values meanwhile."""
        record = self.archived.get(record_id)
        if record is None:
            raise not_found(f"{self.kind.singular} {record_id} is not archived.")
        self.check(record.properties, record)
        del self.archived[record_id]
        record.archived_ms = None
        self.live = dict(sorted((*self.live.items(), (record_id, record)), key=lambda each: int(each[0])))
        self._index(record, record.properties)
        return record

    def _holders(self, name: str) -> dict[str, Record]:
        """Built from the records when first asked for, so a property made unique after a reset starts right."""
        if name not in self._unique:
            self._unique[name] = {r.properties[name]: r for r in self.live.values() if r.properties.get(name)}
        return self._unique[name]

    def _index(self, record: Record, values: Mapping[str, Any]) -> None:
        for name in self.properties.unique_names:
            if values.get(name):
                self._holders(name)[record.properties[name]] = record

    def _check_required(self, values: Mapping[str, str]) -> None:
        kind = self.kind
        if self._blocked and values.get("email") in self._blocked:
            raise invalid(f"{values['email']} was deleted for ever and can't be created again.")
        if kind.needs_one_of and not any(values.get(name) for name in kind.needs_one_of):
            raise invalid(f"A {kind.singular} needs at least one of: {', '.join(kind.needs_one_of)}")
        if missing := [name for name in kind.needs_all_of if not values.get(name)]:
            raise invalid(f"Error creating {kind.singular.upper()}. Some required properties were not set: [{', '.join(missing)}]")

    def _check_stage(self, values: Mapping[str, str], now: Mapping[str, str]) -> None:
        """A deal stands in a stage of its own pipeline, also when only one of the two is given."""
        pipeline, stage = (values.get(name, now.get(name)) for name in ("pipeline", "dealstage"))
        if astray := self._pipelines.refuse_astray(pipeline, stage):
            raise invalid_values([BadValue("dealstage", *astray)])

    def _taken(self, name: str, value: str, holder: Record) -> ApiError:
        if name == "email":
            return conflict(f"Contact already exists. Existing ID: {holder.id}")
        return ApiError(
            400,
            "VALIDATION_ERROR",
            f"Cannot set {name}={value}: {holder.id} already has that value.",
            context={"propertyName": [name], "existingObjectId": [holder.id]},
            errors=[{"message": f"{holder.id} already has that value.", "code": "CONFLICTING_UNIQUE_VALUE"}],
        )


def _goes_backward(now: str | None, wanted: str) -> bool:
    stages = LIFECYCLE_STAGES
    return now in stages and wanted in stages and stages.index(wanted) < stages.index(now)
