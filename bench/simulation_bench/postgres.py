"""A Postgres as an installation has it: what commits is on the disk (durable), the rest as the sandbox sets it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulation_core.ledger import migrate
from simulation_sandbox.postgres import Postgres, Tuning

_TEMPLATE = "migrated"


class Databases:
    """New ledgers, each the copy of a migrated one; all on one server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        migrate.upgrade(server.create_database(_TEMPLATE))

    @contextmanager
    def new(self, name: str) -> Iterator[str]:
        """Its URL."""
        yield self._server.create_database(name, template=_TEMPLATE)
        self._server.drop_database(name)


@contextmanager
def databases() -> Iterator[Databases]:
    folder = Path(tempfile.mkdtemp(prefix="simulation-bench-"))
    folder.chmod(0o711)  # Postgres runs as somebody else where we are root
    server = Postgres(folder / "postgres", tuning=Tuning(durable=True))
    server.start()
    try:
        yield Databases(server)
    finally:
        server.remove()
        folder.rmdir()
