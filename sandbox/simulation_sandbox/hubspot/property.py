"""One property of an object type, and which values it takes."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot.answers import BadValue, Json
from simulation_sandbox.hubspot.object_types import ObjectType
from simulation_sandbox.hubspot.owners import SINCE_MS

TYPES = ("bool", "date", "datetime", "enumeration", "number", "phone_number", "string")
FIELD_TYPES = (
    "booleancheckbox", "calculation_equation", "checkbox", "date", "file", "html", "number", "phonenumber", "radio", "select", "text",
    "textarea",
)  # fmt: skip

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
    references: Container[str] | None = None  # the ids that may be its value: owners
    archived_ms: int | None = None
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
        if self.references is not None and value not in self.references:
            return "INVALID_OWNER_ID", f"Owner {value} does not exist"
        if self.type == "number" and not _is_number(value):
            return "INVALID_INTEGER", f"{value} was not a valid number."
        if self.type in ("date", "datetime") and not _DATE.fullmatch(value):
            return "INVALID_DATE", f"{value} was not a valid date: neither ISO 8601 nor milliseconds since 1970."
        if self.name == "email" and not _EMAIL.fullmatch(value):
            return "INVALID_EMAIL", f"Email address {value} is invalid"
        return None

    def as_json(self) -> Json:
        more: Json = {} if self.archived_ms is None else {"archivedAt": iso_ms(self.archived_ms)}
        if self.references is not None:
            more["referencedObjectType"] = "OWNER"
        return more | {
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
            "externalOptions": self.references is not None,
            "archived": self.archived_ms is not None,
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


def standard_properties(kind: ObjectType, owners: Container[str]) -> list[Property]:
    """What every account has from the start."""
    known = kind.standard
    group = known.group

    def one(name: str, value_type: str = "string", field_type: str = "text", **more: Any) -> Property:
        return Property(name, name, value_type, field_type, group, standard=True, created_ms=SINCE_MS, updated_ms=SINCE_MS, **more)

    return [
        *(one(name, unique=name == "email" and kind.name == "contacts") for name in known.text.split()),
        *(one(name, "number", "number") for name in known.number.split()),
        *(one(name, "datetime", "date") for name in known.date.split()),
        *(one(name, "enumeration", "select", options=options) for name, options in known.options.items()),
        one("hubspot_owner_id", "enumeration", "select", references=owners),
        *(one(name, "number" if name == "hs_object_id" else "datetime", read_only=True) for name in known.read_only.split()),
    ]
