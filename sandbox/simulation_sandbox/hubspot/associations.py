"""Which objects belong together. An association has a type in each direction; HubSpot makes both at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simulation_sandbox.hubspot.answers import Json, invalid
from simulation_sandbox.hubspot.object_types import ASSOCIATION_TYPES, AssociationType, ObjectType
from simulation_sandbox.hubspot.records import Record

if TYPE_CHECKING:
    from simulation_sandbox.hubspot.accounts import Account

MAX_ASSOCIATION_INPUTS = 2_000


def wanted_types(from_type: ObjectType, to_type: ObjectType, specs: Any) -> list[AssociationType]:
    """The association types asked for; raises if one doesn't join these two object types in this direction."""
    if not isinstance(specs, list) or not specs:
        raise invalid("Some required fields were not set: [types]")
    return [_known(from_type, to_type, spec) for spec in specs]


def _known(from_type: ObjectType, to_type: ObjectType, spec: Json) -> AssociationType:
    category, type_id = spec.get("associationCategory"), spec.get("associationTypeId")
    kind = ASSOCIATION_TYPES.get(type_id) if isinstance(type_id, int) else None
    if category != "HUBSPOT_DEFINED" or kind is None or (kind.from_type, kind.to_type) != (from_type.name, to_type.name):
        raise invalid(f"{category} association type {type_id} does not join {from_type.name} to {to_type.name}.")
    return kind


def associate(one: Record, other: Record, kinds: list[AssociationType]) -> None:
    """Repeating it changes nothing."""
    for kind in kinds:
        one.associated.setdefault(kind.to_type, {}).setdefault(other.id, set()).add(kind.type_id)
        other.associated.setdefault(kind.from_type, {}).setdefault(one.id, set()).add(kind.inverse_id)


def unlink(
    account: Account, one: tuple[ObjectType, str], other: tuple[ObjectType, str], kinds: list[AssociationType] | None = None
) -> None:
    """Both directions of the types named, or of all. What isn't joined, or isn't there, stays as it is."""
    for (here, here_id), (there, there_id), ids in (
        (one, other, kinds and {kind.type_id for kind in kinds}),
        (other, one, kinds and {kind.inverse_id for kind in kinds}),
    ):
        record = account.objects[here.name].live.get(here_id)
        linked = record.associated.get(there.name, {}) if record else {}
        if there_id in linked:
            linked[there_id] -= ids or set(linked[there_id])
            if not linked[there_id]:
                del linked[there_id]


def move(account: Account, gone: Record, kept: Record) -> None:
    """What was associated with `gone` is associated with `kept` instead."""
    for type_name, others in list(gone.associated.items()):
        for other_id, type_ids in list(others.items()):
            other = account.objects[type_name].live.get(other_id)
            if other is not None:
                associate(kept, other, [ASSOCIATION_TYPES[type_id] for type_id in type_ids])
    forget(account, gone)


def forget(account: Account, gone: Record) -> None:
    """An archived object takes its associations with it."""
    for type_name, others in gone.associated.items():
        for other_id in others:
            other = account.objects[type_name].live.get(other_id)
            for links in other.associated.values() if other else ():
                links.pop(gone.id, None)


def from_new(account: Account, kind: ObjectType, record: Record, wanted: list[Json]) -> None:
    """Associations given inline when an object is created. The type says which object type is on the other side."""
    for each in wanted:
        for spec in each.get("types") or ():
            known = ASSOCIATION_TYPES.get(spec.get("associationTypeId"))
            if known is None or known.from_type != kind.name:
                raise invalid(f"Association type {spec.get('associationTypeId')} does not begin at {kind.name}.")
            other = account.objects[known.to_type].get(str(each["to"]["id"]))
            associate(record, other, [known])


def between(account: Account, from_type: ObjectType, to_type: ObjectType) -> Iterator[tuple[str, str, list[int]]]:
    for record in account.objects[from_type.name]:
        for other_id, type_ids in record.associated.get(to_type.name, {}).items():
            yield record.id, other_id, sorted(type_ids)
