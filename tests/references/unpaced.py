"""For clients of a server that is a test's own: calls as fast as they come."""

from __future__ import annotations

from collections.abc import Mapping


class Unpaced:
    def wait(self, path: str) -> None: ...

    def learn(self, headers: Mapping[str, str]) -> None: ...
