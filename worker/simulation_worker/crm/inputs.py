"""What a call carries: objects, and pairs of objects that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Object:
    """One object to write. Its key is also its objectWriteTraceId, by which a 207 names it."""

    key: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Join:
    """A way in which two objects belong together, as HubSpot's own types of association."""

    from_type: str
    to_type: str
    type_ids: tuple[int, ...]


CONTACT_TO_COMPANY = Join("contacts", "companies", (279, 1))  # 1: it is the contact's primary company
DEAL_TO_COMPANY = Join("deals", "companies", (341, 5))  # 5: it is the deal's primary company
DEAL_TO_CONTACT = Join("deals", "contacts", (3,))
JOINS = (CONTACT_TO_COMPANY, DEAL_TO_COMPANY, DEAL_TO_CONTACT)


@dataclass(frozen=True)
class Link:
    """Two objects to be joined. The key is that of the first."""

    key: str
    from_id: str
    to_id: str
