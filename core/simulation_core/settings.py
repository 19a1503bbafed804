"""Settings: read once in each process's main.py, from variables that begin with SIMULATION_."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulation_core.errors import PortalsError, SettingsError

PREFIX = "SIMULATION_"
EXIT_BAD_SETTINGS = 2


class ProcessSettings(BaseSettings):
    """What every process needs. Each process adds its own fields in a subclass."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: SecretStr  # postgresql://user:password@host:port/database
    redis_url: SecretStr  # redis://[:password@]host:port[/number], or rediss://
    portals_file: Path  # YAML, see simulation_core.portals
    bind_address: str = "0.0.0.0:8080"  # /healthz, /readyz, /metrics
    log_level: str = "INFO"


Settings = TypeVar("Settings", bound=BaseSettings)


def load(settings: type[Settings]) -> Settings:
    """The settings of this process. Raises SettingsError with one line that names each faulty variable, never its value."""
    try:
        return settings()
    except ValidationError as error:
        faults = "; ".join(f"{PREFIX}{_variable(fault['loc'])} {_remedy(fault['type'], fault['msg'])}" for fault in error.errors())
        raise SettingsError(faults) from None


def _variable(location: tuple[int | str, ...]) -> str:
    return "_".join(str(part) for part in location).upper()


def _remedy(kind: str, message: str) -> str:
    return "is not set" if kind == "missing" else f"is malformed: {message[0].lower()}{message[1:]}"


@contextmanager
def exit_on_bad_settings(process: str) -> Iterator[None]:
    """Ends the process with one line and exit code 2 where its settings or portals file can't be used."""
    try:
        yield
    except (SettingsError, PortalsError) as error:
        print(f"{process}: {error}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_SETTINGS) from None
