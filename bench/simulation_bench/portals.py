"""The portals file of a measurement, and the tokens: portals whose budget is no limit, unless it is what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PORTAL = "default"  # a run's, unless its spec names another
CALLS_PER_TEN_SECONDS = 10_000
CALLS_PER_DAY = 100_000_000


def token(portal: str) -> str:
    """The emulator takes any, each for an app of its own."""
    return f"bench-{portal}"


TOKEN = token(PORTAL)


def write(
    folder: Path,
    *,
    url: str | None = None,
    calls_per_ten_seconds: int = CALLS_PER_TEN_SECONDS,
    names: Sequence[str] = (PORTAL,),
) -> Path:
    """`url`: of an emulator; without one HubSpot's own, for those that don't call it."""
    lines = ["portals:"]
    for name in names:
        lines += [
            f"- name: {name}",
            f"  callsPerTenSeconds: {calls_per_ten_seconds}",
            f"  callsPerDay: {CALLS_PER_DAY}",
            '  allowedNamespaces: ["*"]',
            *([f"  url: {url}"] if url else []),
        ]
    path = folder / "portals.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_tokens(folder: Path, *, names: Sequence[str] = (PORTAL,)) -> Path:
    """The folder of tokens, one file a portal."""
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True)
    for name in names:
        (tokens / name).write_text(token(name), encoding="ascii")
    return tokens
