"""Who may own a record in one account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulation_core.clock import iso_ms
from simulation_sandbox.hubspot.answers import Json

SINCE_MS = 1_767_225_600_000  # 2026-01-01: before any simulation
_PEOPLE = (("71000001", "Ada", "Sommer"), ("71000002", "Ben", "Winter"), ("71000003", "Cleo", "Herbst"))
_LEFT = (("71000009", "Dora", "Lenz"),)  # an archived owner: owns nothing new


@dataclass(frozen=True)
class Owner:
    id: str
    first_name: str
    last_name: str
    archived: bool = False

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}@owners.example".lower()

    @property
    def user_id(self) -> int:
        return int(self.id) - 1_000_000

    def as_json(self) -> Json:
        body: Json = {
            "id": self.id,
            "email": self.email,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userIdIncludingInactive": self.user_id,
            "type": "PERSON",
            "teams": [],
            "archived": self.archived,
            "createdAt": iso_ms(SINCE_MS),
            "updatedAt": iso_ms(SINCE_MS),
        }
        return body if self.archived else body | {"userId": self.user_id}


class Owners:
    """A container of the ids a record's owner may have, and the people behind them."""

    def __init__(self) -> None:
        self._by_id = {each[0]: Owner(*each) for each in _PEOPLE}
        self._left = {each[0]: Owner(*each, archived=True) for each in _LEFT}

    def __contains__(self, owner_id: object) -> bool:
        return owner_id in self._by_id

    def listed(self, *, archived: bool = False) -> Iterator[Owner]:
        """In the order of their ids."""
        return iter((self._left if archived else self._by_id).values())
