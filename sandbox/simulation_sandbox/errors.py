"""What can go wrong on this machine while the sandbox starts, said so that a person can act on it."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox can't do what was asked. The message says which part, why, and what to do."""


class PartUnavailableError(SandboxError):
    """A part can't be had on this machine at all, such as a server without a build for this platform."""
