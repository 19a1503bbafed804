from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulation_sandbox import postgres as module
from simulation_sandbox.postgres import Postgres, Tuning, find_package
from simulation_sandbox.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def postgres(session_folder: Path) -> Iterator[Postgres]:
    server = Postgres(session_folder / "another-postgres", tuning=Tuning(durable=False))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey")
    server.start()
    yield server
    server.remove()


def test_a_database_is_new_and_empty(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_postgres_wants_the_password(postgres_server: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://simulation:wrong@127.0.0.1:{postgres_server.port}/simulation")


def test_postgres_keeps_data_and_port_over_a_kill(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    url = postgres.url
    postgres.kill()
    postgres.start()
    assert postgres.url == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_stopping_twice_is_harmless(postgres: Postgres, valkey: Valkey) -> None:
    for server in (postgres, valkey):
        server.stop()
        server.stop()


def test_valkey_never_evicts_and_wants_the_password(redis_url: str, redis_server: Valkey) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=redis_server.port or 0, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_valkey_keeps_its_url_over_a_restart(valkey: Valkey) -> None:
    url = valkey.url
    valkey.stop()
    valkey.start()
    assert valkey.url == url


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_root_can_have_its_checkout_where_nobody_else_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /root: the programs and the data are kept in the temp dir then."""
    package = find_package()
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        (private / folder.name).symlink_to(folder)
    monkeypatch.setattr(module, "find_package", lambda: private / package.name)
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp(prefix="simulation-tests-"))
    os.chmod(tempfile.gettempdir(), 0o711)
    server = Postgres(private / "postgres", tuning=Tuning(durable=False))
    try:
        server.start()
        assert not server.data.is_relative_to(private)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.remove()
        shutil.rmtree(tempfile.gettempdir())
