"""What ends a delivery before every record has its fate."""

from __future__ import annotations

from simulation_core.errors import SimulationError
from simulation_core.reasons import Reason


class PortalHeldError(SimulationError):
    """The portal takes nothing now, through no fault of a record. `wait_ms`: how long to leave it alone."""

    def __init__(self, reason: Reason, message: str, wait_ms: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.wait_ms = wait_ms


class PausedError(SimulationError):
    """No call may be made now: the portal's budget is closed to all workers, or used up for `wait_ms`."""

    def __init__(self, reason: Reason, wait_ms: int) -> None:
        super().__init__(reason.meaning)
        self.reason = reason
        self.wait_ms = wait_ms


class FenceLostError(SimulationError):
    """The lease could not be held until the end of the next call: whatever happens now is another worker's."""

    reason = Reason.DRAINING
    wait_ms = 0
