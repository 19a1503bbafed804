"""The properties and property groups of one object type in one account, and which values they take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot.answers import ApiError, BadValue, Json, invalid, invalid_values, not_found
from simulation_sandbox.hubspot.object_types import ObjectType

MAX_UNIQUE_PROPERTIES = 10  # custom ones, per object type

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DATE = re.compile(r"\d+|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2}))?")


def as_text(value: Any) -> str:
    """HubSpot keeps every value as a string, whatever JSON type it came as. Null and "" both clear a property."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(slots=True)
class Property:
    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = "simulation"
    description: str = ""
    options: tuple[str, ...] = ()
    unique: bool = False
    standard: bool = False
    read_only: bool = False
    created_ms: int = field(default_factory=now_ms)
    updated_ms: int = field(default_factory=now_ms)

    def refuses(self, value: str) -> BadValue | None:
        """Why HubSpot wouldn't take this value; None if it would. An empty value clears and is always fine."""
        if self.read_only:
            return BadValue(self.name, "READ_ONLY_VALUE", f'"{self.name}" is a read only property; its value cannot be set.')
        if not value:
            return None
        error = self._mistake(value)
        return BadValue(self.name, *error) if error else None

    def _mistake(self, value: str) -> tuple[str, str] | None:
        if self.options and value not in self.options:
            return "INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(self.options)}]"
        if self.type == "number" and not _is_number(value):
            return "INVALID_INTEGER", f"{value} was not a valid number."
        if self.type in ("date", "datetime") and not _DATE.fullmatch(value):
            return "INVALID_DATE", f"{value} was not a valid date: neither ISO 8601 nor milliseconds since 1970."
        if self.name == "email" and not _EMAIL.fullmatch(value):
            return "INVALID_EMAIL", f"Email address {value} is invalid"
        return None

    def as_json(self) -> Json:
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": self.group,
            "description": self.description,
            "options": [{"label": o, "value": o, "displayOrder": i, "hidden": False} for i, o in enumerate(self.options)],
            "hasUniqueValue": self.unique,
            "hidden": False,
            "formField": False,
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "archived": False,
            "hubspotDefined": self.standard,
            "createdAt": iso_ms(self.created_ms),
            "updatedAt": iso_ms(self.updated_ms),
            "modificationMetadata": {
                "archivable": not self.standard,
                "readOnlyDefinition": self.standard,
                "readOnlyOptions": self.standard,
                "readOnlyValue": self.read_only,
            },
        }


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return value.lower() not in ("nan", "inf", "-inf", "infinity")


@dataclass(slots=True)
class Group:
    name: str
    label: str
    display_order: int = -1

    def as_json(self) -> Json:
        return {"name": self.name, "label": self.label, "displayOrder": self.display_order, "archived": False}


class Properties:
    """What may be written to objects of one type. Unknown names and bad values are refused together, as HubSpot does."""

    def __init__(self, kind: ObjectType) -> None:
        self._kind = kind
        group = kind.standard.group
        self.groups = {group: Group(group, group)}
        self.by_name = {p.name: p for p in _standard(kind)}

    @property
    def unique_names(self) -> list[str]:
        """What an upsert may match by: unique properties, and a contact's e-mail."""
        return [p.name for p in self.by_name.values() if p.unique]

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

    def get(self, name: str) -> Property:
        if name not in self.by_name:
            raise not_found(f"Property {name} does not exist on {self._kind.name}.")
        return self.by_name[name]

    def create(self, wanted: Mapping[str, Any]) -> Property:
        name = as_text(wanted.get("name"))
        if missing := [key for key in ("name", "label", "type", "fieldType", "groupName") if not wanted.get(key)]:
            raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")
        if not _NAME.fullmatch(name):
            raise invalid(f'The property name "{name}" is invalid: lowercase letters, digits and underscores, beginning with a letter.')
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
        self._custom(name)
        del self.by_name[name]

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


def _standard(kind: ObjectType) -> list[Property]:
    known = kind.standard
    group = known.group

    def one(name: str, value_type: str = "string", field_type: str = "text", **more: Any) -> Property:
        return Property(name, name, value_type, field_type, group, standard=True, **more)

    return [
        *(one(name, unique=name == "email" and kind.name == "contacts") for name in known.text.split()),
        *(one(name, "number", "number") for name in known.number.split()),
        *(one(name, "datetime", "date") for name in known.date.split()),
        *(one(name, "enumeration", "select", options=options) for name, options in known.options.items()),
        *(one(name, read_only=True) for name in known.read_only.split()),
    ]
