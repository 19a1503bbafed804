"""The portals file of a measurement: one portal, whose budget is no limit unless it is what is measured, and its token."""

from __future__ import annotations

from pathlib import Path

PORTAL = "default"  # a run's, unless its spec names another
TOKEN = "bench"  # noqa: S105 - the emulator takes any
CALLS_PER_TEN_SECONDS = 10_000
CALLS_PER_DAY = 100_000_000


def write(folder: Path, *, url: str | None = None, calls_per_ten_seconds: int = CALLS_PER_TEN_SECONDS) -> Path:
    """`url`: of an emulator; without one HubSpot's own, for those that don't call it."""
    lines = [
        "portals:",
        f"- name: {PORTAL}",
        f"  callsPerTenSeconds: {calls_per_ten_seconds}",
        f"  callsPerDay: {CALLS_PER_DAY}",
        '  allowedNamespaces: ["*"]',
        *([f"  url: {url}"] if url else []),
    ]
    path = folder / "portals.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_token(folder: Path) -> Path:
    """The folder of tokens, one file a portal."""
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True)
    (tokens / PORTAL).write_text(TOKEN, encoding="ascii")
    return tokens
