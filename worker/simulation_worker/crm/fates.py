"""What became of one object, or of one whole record, in one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulation_core.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Written:
    """HubSpot has it, new or from an earlier attempt: the two are not told apart, because the ledger counts, not HubSpot."""

    crm_id: str


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Repeating wouldn't help. `with_its_call`: the call was refused, or a property named: perhaps the portal lacks something."""

    reason: Reason
    message: str
    correlation_id: str | None = None
    with_its_call: bool = False


@dataclass(frozen=True, kw_only=True)
class Postponed:
    """Another try may succeed. `counts_as_try` where it may be the record's own fault."""

    reason: Reason
    message: str
    wait_ms: int
    counts_as_try: bool
    correlation_id: str | None = None


Fate = Written | Rejected | Postponed


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Every object of the record is there and joined. `answered_s` is the monotonic clock when the last answer arrived."""

    crm_ids: Mapping[str, str]  # role → HubSpot's id
    answered_s: float


RecordFate = Delivered | Rejected | Postponed
