"""Which portals this process serves: those in the portals file for which there is a token. Both may change at any time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from simulation_core.portals import Portal, PortalsFile
from simulation_worker.desk import Desk
from simulation_worker.mounted import read_token, why_no_token

log = logging.getLogger(__name__)

MakeDesk = Callable[[Portal, str], Desk]


class Desks:
    """The desks, by portal. A desk lives for as long as its portal's entry and token stay the same."""

    def __init__(self, portals: PortalsFile, tokens: Path, make: MakeDesk) -> None:
        self._portals = portals
        self._tokens = tokens
        self._make = make
        self._desks: dict[str, Desk] = {}
        self._without_token: Mapping[str, str] = {}

    def refresh(self) -> None:
        """Reads the portals file and the tokens again. Cheap: some small files."""
        configured = self._portals.current
        tokens = {name: token for name in configured if (token := read_token(self._tokens / name))}
        self._say_what_is_missing({name: why_no_token(self._tokens / name) for name in configured if name not in tokens})
        for name in [name for name, desk in self._desks.items() if desk.portal != configured.get(name) or desk.token != tokens.get(name)]:
            self._desks.pop(name).close()
        for name, token in tokens.items():
            if name not in self._desks:
                self._desks[name] = self._make(configured[name], token)

    def all(self) -> list[Desk]:
        return list(self._desks.values())

    def get(self, portal: str) -> Desk | None:
        return self._desks.get(portal)

    def look(self) -> None:
        """What other workers met at the portals since. Raises QueueUnavailableError."""
        for desk in self.all():
            desk.budget.look()

    def write_days(self) -> None:
        """Raises LedgerUnavailableError."""
        for desk in self.all():
            desk.write_day()

    def close(self) -> None:
        for desk in self._desks.values():
            desk.close()
        self._desks.clear()

    @property
    def without_token(self) -> Mapping[str, str]:
        """Portals that can't be served here, and why: in words, without the token."""
        return {
            name: f"portal {name}: no worker has a usable token: the file its Secret is mounted as {why}. Put the token into the Secret"
            for name, why in self._without_token.items()
        }

    def _say_what_is_missing(self, portals: Mapping[str, str]) -> None:
        if portals.keys() - self._without_token.keys():
            names = ", ".join(sorted(portals))
            log.warning("no usable token below SIMULATION_PORTAL_TOKENS_DIR for: %s; these portals are not served here", names)
        self._without_token = portals
