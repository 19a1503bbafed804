"""The keys by which a delivery finds again what an earlier one wrote. Their form is a contract: clean-up builds them too."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from simulation_core.object_keys import object_key

COMPANY = "c"
DEAL = "d"


def contact_role(index: int) -> str:
    return f"p{index}"


@dataclass(frozen=True)
class Identity:
    """One record of one simulation."""

    simulation_id: UUID
    record: int

    def key(self, role: str) -> str:
        return object_key(self.simulation_id, self.record, role)

    @property
    def label(self) -> str:
        """As one DNS label: at most 63 characters of a-z, 0-9 and the hyphen."""
        return f"{self.simulation_id}-{self.record}"


def role_of(key: str) -> str:
    return key.rpartition("-")[2]
