"""Text from outside, made fit for Postgres: what it can't store must not keep a batch from being finished."""

from __future__ import annotations

MAX_MESSAGE = 1000


def storable(message: str) -> str:
    """Bounded, without NUL, and without half a character (a surrogate that lost its other half where HubSpot cut a message)."""
    return message[:MAX_MESSAGE].replace("\x00", "�").encode("utf-8", "replace").decode()
