"""What a worker is told by its environment; a batch's own process (alone.py) is told the same."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from simulation_core.settings import ProcessSettings
from simulation_worker.content.model import Access

SCHEMES = {"database_url": ("postgresql://", "postgres://"), "redis_url": ("redis://", "rediss://")}


class WorkerSettings(ProcessSettings):
    portal_tokens_dir: Path  # one file a portal, named like it
    slots: int = Field(default=8, ge=1, le=64)  # loads under way at once: calls to HubSpot that wait beside each other

    openai_model: str | None = None  # the language model of runs that name none; without it this worker has none
    openai_base_url: str | None = None  # None: OpenAI's own
    openai_api_key_file: Path | None = None  # may come, go and change: it is read at each call
    openai_timeout_seconds: int = Field(default=45, ge=1, le=100)  # for one answer, with its repetition; below the time a silent slot has
    prepare_concurrency: int = Field(default=32, ge=1, le=256)  # questions to the model under way at once

    @property
    def model_access(self) -> Access | None:
        if self.openai_model is None:
            return None
        return Access(
            model=self.openai_model,
            base_url=self.openai_base_url,
            key_file=self.openai_api_key_file,
            deadline_seconds=self.openai_timeout_seconds,
        )

    @field_validator("openai_model", "openai_base_url", "openai_api_key_file", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        """An empty base URL would send the SDK nowhere."""
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("openai_base_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://; leave it out for OpenAI itself")
        return url

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
