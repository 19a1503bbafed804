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


def why_no_token(path: Path) -> str:
    """What is wrong with a file that read_token makes nothing of; completes "its token's file …"."""
    try:
        content = path.read_bytes()
    except OSError:
        return "is missing or can't be read"
    return "has characters that no token has: a space, a line break, or a letter outside ASCII" if content.strip() else "is empty"
