"""Why a container can't be started yet."""

from __future__ import annotations

from simulation_sandbox.errors import SandboxError


class NotConfiguredError(SandboxError):
    """Something the pod refers to is missing: the container waits and starts once it is there. The message goes to the pod's status."""


class CannotStartError(SandboxError):
    """The command can't be executed: the container counts as failed."""
