"""One exception tree. Each message says what was wrong, where (field path or object), and what to do."""

from __future__ import annotations


class SimulationError(Exception):
    """Root of everything this product raises on purpose."""


class SettingsError(SimulationError):
    """A setting is missing or malformed. Ends the process at start with this one line."""


class PortalsError(SimulationError):
    """The portals file can't be used. At start it ends the process; on reload the old portals stay in force."""


class SpecError(SimulationError):
    """A Simulation's spec can't be carried out. `field` is its path, such as `spec.endTime`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class LedgerUnavailableError(SimulationError):
    """Postgres can't be reached or refused the connection. Waiting and trying again is right."""


class QueueUnavailableError(SimulationError):
    """Redis can't be reached or refused the command. Waiting and trying again is right."""


class SchemaOutdatedError(SimulationError):
    """The database's schema is older than this build needs: run simulation-migrate."""


class UserUnknownError(SimulationError):
    """spec.userId is not in the installation's own users table. Add the user there, or name another."""


class PlanIncompleteError(SimulationError):
    """A plan was to be published before all its batches were stored. Store from the watermark on first."""


class PlanVersionError(SimulationError):
    """A run was planned by a version this build doesn't know. Run the version that accepted it, or a newer one."""


class LedgerBusyError(SimulationError):
    """A lock in Postgres could not be had within bounds that keep others from waiting. Trying again later is right."""


class RunPurgedError(SimulationError):
    """Retention removed what was recorded about the run's single records. What it was needed for can't be done any more."""
