"""What a worker is told by its environment; a batch's own process (alone.py) is told the same."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from simulation_core.settings import ProcessSettings

SCHEMES = {"database_url": ("postgresql://", "postgres://"), "redis_url": ("redis://", "rediss://")}


class WorkerSettings(ProcessSettings):
    portal_tokens_dir: Path  # one file a portal, named like it
    slots: int = Field(default=8, ge=1, le=64)  # loads under way at once: calls to HubSpot that wait beside each other

    @field_validator("portal_tokens_dir")
    @classmethod
    def _is_a_folder(cls, path: Path) -> Path:
        if not path.is_dir():
            raise ValueError(f"{path} is not a folder")
        return path

    @field_validator("database_url", "redis_url")
    @classmethod
    def _has_its_scheme(cls, url: SecretStr, field: ValidationInfo) -> SecretStr:
        """A wrong scheme never gets better; a wrong host may, and is waited for. The message must not hold the URL: it has a password."""
        schemes = SCHEMES[field.field_name or ""]
        if not url.get_secret_value().startswith(schemes):
            raise ValueError(f"it must begin with {' or '.join(schemes)}")
        return url
