"""The properties and property groups of one object type in one account."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from simulation_core.clock import now_ms
from simulation_sandbox.hubspot.answers import ApiError, BadValue, Json, invalid, invalid_values, not_found
from simulation_sandbox.hubspot.object_types import ObjectType
from simulation_sandbox.hubspot.property import FIELD_TYPES, TYPES, Property, as_text, standard_properties

MAX_UNIQUE_PROPERTIES = 10  # custom ones, per object type

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


@dataclass(slots=True)
class Group:
    name: str
    label: str
    display_order: int = -1

    def as_json(self) -> Json:
        return {"name": self.name, "label": self.label, "displayOrder": self.display_order, "archived": False}


class Properties:
    """What may be written to objects of one type. Unknown names and bad values are refused together, as HubSpot does."""

    def __init__(self, kind: ObjectType, owners: Container[str] = ()) -> None:
        self._kind = kind
        group = kind.standard.group
        self.groups = {group: Group(group, group)}
        self.by_name = {p.name: p for p in standard_properties(kind, owners)}
        self.archived: dict[str, Property] = {}
        self.unique_names: tuple[str, ...] = ()  # what an upsert may match by: unique properties, and a contact's e-mail
        self._note_unique()

    def _note_unique(self) -> None:
        self.unique_names = tuple(p.name for p in self.by_name.values() if p.unique)

    def checked(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The values as HubSpot stores them (strings, e-mails lowercased); raises one error naming all that is wrong."""
        checked: dict[str, str] = {}
        bad: list[BadValue] = []
        for name, raw in values.items():
            value = raw if type(raw) is str else as_text(raw)
            known = self.by_name.get(name)
            if known is None:
                bad.append(BadValue(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
                continue
            refusal = known.refuses(value)
            if refusal:
                bad.append(refusal)
            checked[name] = value.strip().lower() if name == "email" else value
        if bad:
            raise invalid_values(bad)
        return checked

    def get(self, name: str, *, archived: bool = False) -> Property:
        known = self.archived if archived else self.by_name
        if name not in known:
            raise not_found(f"Property {name} does not exist on {self._kind.name}.")
        return known[name]

    def create(self, wanted: Mapping[str, Any]) -> Property:
        name = as_text(wanted.get("name"))
        if missing := [key for key in ("name", "label", "type", "fieldType", "groupName") if not wanted.get(key)]:
            raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")
        if not _NAME.fullmatch(name):
            raise invalid(f'The property name "{name}" is invalid: lowercase letters, digits and underscores, beginning with a letter.')
        for field, allowed in (("type", TYPES), ("fieldType", FIELD_TYPES)):
            if wanted[field] not in allowed:
                raise invalid(f"Invalid input JSON: {field} {wanted[field]!r} is not one of [{', '.join(allowed)}]")
        if name in self.by_name:
            raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
        if wanted["groupName"] not in self.groups:
            raise invalid(f"Property group '{wanted['groupName']}' does not exist.")
        self._room_for_unique(wanted)
        created = Property(
            name=name,
            label=wanted["label"],
            type=wanted["type"],
            field_type=wanted["fieldType"],
            group=wanted["groupName"],
            description=wanted.get("description") or "",
            options=tuple(option["value"] for option in wanted.get("options") or ()),
            unique=bool(wanted.get("hasUniqueValue")),
        )
        self.by_name[name] = created
        self._note_unique()
        return created

    def _room_for_unique(self, wanted: Mapping[str, Any]) -> None:
        taken = sum(p.unique and not p.standard for p in self.by_name.values())
        if wanted.get("hasUniqueValue") and taken >= MAX_UNIQUE_PROPERTIES:
            raise invalid(f"The limit of {MAX_UNIQUE_PROPERTIES} unique properties on {self._kind.name} is reached.")

    def update(self, name: str, changes: Mapping[str, Any]) -> Property:
        """Label, description, group and options may change; uniqueness never (HubSpot ignores it here)."""
        known = self._custom(name)
        if changes.get("groupName", known.group) not in self.groups:
            raise invalid(f"Property group '{changes['groupName']}' does not exist.")
        known.label = changes.get("label", known.label)
        known.description = changes.get("description", known.description)
        known.group = changes.get("groupName", known.group)
        if "options" in changes:
            known.options = tuple(option["value"] for option in changes["options"])
        known.updated_ms = now_ms()
        return known

    def archive(self, name: str) -> None:
        gone = self._custom(name)
        gone.archived_ms = now_ms()
        self.archived[name] = self.by_name.pop(name)
        self._note_unique()

    def _custom(self, name: str) -> Property:
        known = self.get(name)
        if known.standard:
            raise invalid(f"Property {name} is defined by HubSpot and can't be changed.")
        return known

    def create_group(self, wanted: Mapping[str, Any]) -> Group:
        name, label = wanted.get("name"), wanted.get("label")
        if not name or not label:
            raise invalid("Some required fields were not set: [name, label]")
        if name in self.groups:
            raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists.")
        self.groups[name] = Group(name, label, wanted.get("displayOrder", -1))
        return self.groups[name]

    def group(self, name: str) -> Group:
        if name not in self.groups:
            raise not_found(f"Property group {name} does not exist on {self._kind.name}.")
        return self.groups[name]
