"""The object types of the CRM: their names and ids, what a new one needs, and how two of them may be associated."""

from __future__ import annotations

from dataclasses import dataclass

from simulation_sandbox.hubspot.answers import invalid
from simulation_sandbox.hubspot.standard_properties import COMPANIES, CONTACTS, DEALS, Standard


@dataclass(frozen=True, kw_only=True)
class ObjectType:
    name: str  # as in paths: companies
    singular: str
    type_id: str  # as in associations: 0-2
    standard: Standard
    needs_one_of: tuple[str, ...] = ()  # a new object must have at least one of these
    needs_all_of: tuple[str, ...] = ()  # and every one of these
    read_by_default: tuple[str, ...] = ()  # what a read answers when no properties are named
    modified_property: str = "hs_lastmodifieddate"


OBJECT_TYPES = {
    kind.name: kind
    for kind in (
        ObjectType(
            name="contacts",
            singular="contact",
            type_id="0-1",
            standard=CONTACTS,
            needs_one_of=("email", "firstname", "lastname"),
            read_by_default=("email", "firstname", "lastname"),
            modified_property="lastmodifieddate",
        ),
        ObjectType(
            name="companies",
            singular="company",
            type_id="0-2",
            standard=COMPANIES,
            needs_one_of=("name", "domain"),
            read_by_default=("name", "domain"),
        ),
        ObjectType(
            name="deals",
            singular="deal",
            type_id="0-3",
            standard=DEALS,
            needs_all_of=("dealname", "dealstage", "pipeline"),
            read_by_default=("dealname", "dealstage", "pipeline", "amount", "closedate"),
        ),
    )
}
_BY_ANY_NAME = {name: kind for kind in OBJECT_TYPES.values() for name in (kind.name, kind.singular, kind.type_id)}


def object_type(name: str) -> ObjectType:
    """HubSpot takes the plural, the singular and the type id alike."""
    kind = _BY_ANY_NAME.get(name.lower())
    if kind is None:
        raise invalid(f"Unable to infer object type from: {name}")
    return kind


@dataclass(frozen=True)
class AssociationType:
    """One of HubSpot's own association types, with the type that appears on the other side at the same moment."""

    from_type: str
    to_type: str
    type_id: int
    inverse_id: int
    label: str | None = None


def _both_ways(one: str, other: str, there: int, back: int, label: str | None = None) -> tuple[AssociationType, AssociationType]:
    return AssociationType(one, other, there, back, label), AssociationType(other, one, back, there, label)


ASSOCIATION_TYPES = {
    kind.type_id: kind
    for kind in (
        *_both_ways("contacts", "companies", 279, 280),
        *_both_ways("contacts", "companies", 1, 2, "Primary"),
        *_both_ways("contacts", "deals", 4, 3),
        *_both_ways("deals", "companies", 341, 342),
        *_both_ways("deals", "companies", 5, 6, "Primary"),
    )
}


def association_types(from_type: ObjectType, to_type: ObjectType) -> list[AssociationType]:
    return [kind for kind in ASSOCIATION_TYPES.values() if (kind.from_type, kind.to_type) == (from_type.name, to_type.name)]
