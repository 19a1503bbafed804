"""Secrets as files that a Secret's volume keeps up to date: read again at each use, never logged."""

from __future__ import annotations

from pathlib import Path


def read_token(path: Path) -> str | None:
    """The token, or None. Its text goes into a header, so nothing but visible ASCII is taken."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return token if token and all("!" <= letter <= "~" for letter in token) else None
