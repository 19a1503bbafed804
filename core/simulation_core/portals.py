"""Portals: the HubSpot accounts an administrator configured. The file holds no secrets; tokens are files only the worker can read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from simulation_core.errors import PortalsError

log = logging.getLogger(__name__)

ANY_NAMESPACE = "*"
MOST_CALLS_PER_TEN_SECONDS, MOST_CALLS_PER_DAY = 10_000, 100_000_000

# HubSpot's published limits per app and ten seconds, and per account and day (usage guidelines, 2026-11).
TIERS: Mapping[str, tuple[int, int]] = {
    "free": (100, 250_000),
    "starter": (100, 250_000),
    "professional": (190, 625_000),
    "enterprise": (190, 1_000_000),
}


class Portal(BaseModel):
    """One HubSpot account. Limits come from the tier unless they are given."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    tier: Literal["free", "starter", "professional", "enterprise"] = "free"
    calls_per_ten_seconds: Annotated[int, Field(ge=1, le=MOST_CALLS_PER_TEN_SECONDS)] = TIERS["free"][0]
    calls_per_day: Annotated[int, Field(ge=1, le=MOST_CALLS_PER_DAY)] = TIERS["free"][1]
    allowed_namespaces: tuple[str, ...]  # "*" must be said
    allow_production: bool = False
    max_records_per_simulation: Annotated[int, Field(ge=1)] | None = None
    url: str | None = None  # None: HubSpot itself

    @model_validator(mode="before")
    @classmethod
    def _limits_from_tier(cls, given: Any) -> Any:
        if not isinstance(given, dict) or str(given.get("tier")) not in TIERS:
            return given
        ten_seconds, day = TIERS[given["tier"]]
        return {"callsPerTenSeconds": ten_seconds, "callsPerDay": day} | given

    @model_validator(mode="after")
    def _url_is_http(self) -> Portal:
        if self.url is not None and not re.match(r"^https?://[^/]", self.url):
            raise ValueError("url must begin with http:// or https://; leave it out for HubSpot itself")
        return self

    def allows(self, namespace: str) -> bool:
        return ANY_NAMESPACE in self.allowed_namespaces or namespace in self.allowed_namespaces


@dataclass(frozen=True)
class Portals(Mapping[str, Portal]):
    """Portals by name."""

    by_name: Mapping[str, Portal]

    def __getitem__(self, name: str) -> Portal:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


def parse_portals(text: str) -> Portals:
    """Portals from YAML: a list, or a mapping with the key `portals`. Raises PortalsError naming the entry and the field."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01, which YAML takes for one
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "somewhere"
        raise PortalsError(f"the portals file is not YAML: {where}: {getattr(error, 'problem', error)}") from None
    entries = document.get("portals") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise PortalsError("the portals file must hold a list of portals, or a mapping with the key portals")
    portals = [_portal(index, entry) for index, entry in enumerate(entries)]
    names = [portal.name for portal in portals]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PortalsError(f"portals: the name {twice[0]} is used twice; each portal needs its own")
    return Portals(dict(zip(names, portals, strict=True)))


def _portal(index: int, entry: Any) -> Portal:
    try:
        return Portal.model_validate(entry)
    except ValidationError as error:
        name = entry.get("name", index) if isinstance(entry, dict) else index
        faults = "; ".join(f"{'.'.join(str(part) for part in fault['loc']) or 'entry'}: {fault['msg']}" for fault in error.errors())
        raise PortalsError(f"portals[{name}].{faults}") from None


class PortalsFile:
    """The portals file, read again when its content changes. A broken reload keeps the old portals and says so.

    `current` is cheap enough to be asked at every use: it stats and reads a small file. (A ConfigMap volume swaps a symlink, so
    modification times alone would miss a change.) Raises PortalsError only from the constructor.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = self._read()
        self._portals = parse_portals(self._text)
        self._refused: tuple[str, str] | None = None  # a text that can't be used, and why
        self.problem: str | None = None

    @property
    def current(self) -> Portals:
        try:
            text = self._read()
            if text != self._text:
                self._portals = self._parse_once(text)
                self._text = text
                log.info("portals reloaded: %s", ", ".join(self._portals) or "none")
            self._say_it_is_fine()
        except PortalsError as error:
            self._say_once(str(error))
        return self._portals

    def _parse_once(self, text: str) -> Portals:
        """Parsing YAML takes milliseconds, and a broken file is asked about as often as a good one."""
        if self._refused is not None and self._refused[0] == text:
            raise PortalsError(self._refused[1])
        try:
            return parse_portals(text)
        except PortalsError as error:
            self._refused = (text, str(error))
            raise

    def _say_once(self, problem: str) -> None:
        if problem != self.problem:
            log.error("keeping the old portals: %s", problem)
        self.problem = problem

    def _say_it_is_fine(self) -> None:
        if self.problem is not None:
            log.info("the portals file is fine again")
        self.problem = None

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PortalsError(f"SIMULATION_PORTALS_FILE {self._path} can't be read: {getattr(error, 'strerror', None) or error}") from None
