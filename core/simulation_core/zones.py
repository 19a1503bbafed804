"""Time zones by their IANA names, from the pinned tzdata package: systems' databases differ, and plans must not."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = "tzdata"


@cache
def names() -> frozenset[str]:
    """Every name the database knows, aliases included."""
    return frozenset(files(_DATABASE).joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Raises KeyError for a name that isn't in the database."""
    if name not in names():
        raise KeyError(name)
    with files(_DATABASE).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
