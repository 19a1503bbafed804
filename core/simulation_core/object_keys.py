"""By what a CRM object is known as a run's: its key, and what the key's last part, the role, says about it. Their form is a contract."""

from __future__ import annotations

import re
from uuid import UUID

COMPANIES, CONTACTS, DEALS = "companies", "contacts", "deals"
OBJECT_TYPES = (COMPANIES, CONTACTS, DEALS)

_KEY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{1,9})-(c|p\d{1,3}|d)")


def object_key(simulation_id: UUID, record: int, role: str) -> str:
    return f"{simulation_id}-{record}-{role}"


def object_type(role: str) -> str:
    """Of a role: c is the company, p0, p1 … are contacts, d is the deal."""
    return {"c": COMPANIES, "p": CONTACTS, "d": DEALS}[role[0]]


def parse_object_key(key: str) -> tuple[UUID, int, str] | None:
    """Simulation, record and role; None for what isn't a key of ours."""
    match = _KEY.fullmatch(key)
    return None if match is None else (UUID(match[1]), int(match[2]), match[3])
