"""The operator's settings: the environment variables that begin with SIMULATION_, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from simulation_core.plan.load import BATCHES_PER_WORKER, WORKER_LEAD_SECONDS
from simulation_core.settings import ProcessSettings
from simulation_core.spec import Source

EVERY_NAMESPACE = "*"
DEFAULT_USER = UUID("00000000-0000-4000-8000-000000000000")
DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class ContentSources:
    """Who can write for a run here, and who does where the spec doesn't say."""

    has_model: bool = False
    default: Source = Source.FAKER


def _or_default(value: object) -> object:
    return value or DEFAULT_USER


def scopes_of(watch_namespaces: str) -> tuple[str | None, ...]:
    """The namespaces to watch; (None,) is all of them."""
    names = [name.strip() for name in watch_namespaces.split(",") if name.strip()]
    return (None,) if EVERY_NAMESPACE in names or not names else tuple(names)


class OperatorSettings(ProcessSettings):
    """What the operator needs beyond what every process needs."""

    namespace: str  # its own, where the worker Deployment is
    worker_deployment: str | None = None  # None: nobody scales the workers
    watch_namespaces: str = EVERY_NAMESPACE  # "*", or names separated by commas
    default_user_id: Annotated[UUID, BeforeValidator(_or_default)] = DEFAULT_USER  # of Simulations that name no user
    lead_milliseconds: Annotated[int, Field(ge=0)] = 10_000  # from acceptance to the start, where the spec names none
    minimum_workers: Annotated[int, Field(ge=0)] = 0
    maximum_workers: Annotated[int, Field(ge=1)] = 4
    batches_per_worker: Annotated[int, Field(ge=1)] = BATCHES_PER_WORKER  # due or soon due, before another worker is asked for
    quiet_seconds: Annotated[int, Field(ge=0)] = 60  # how long fewer workers must have been enough before some go
    worker_lead_seconds: Annotated[int, Field(ge=0)] = WORKER_LEAD_SECONDS  # from asking for a worker to its first claim
    writes_per_second: Annotated[float, Field(gt=0)] = 47.0  # to the API server, all kinds together: a thousand changing statuses in 25 s
    write_burst: Annotated[int, Field(ge=1)] = 3
    progress_seconds: Annotated[float, Field(gt=0)] = 2.0
    resync_seconds: Annotated[float, Field(gt=0)] = 30.0
    resync_deadline_seconds: Annotated[float, Field(gt=0)] = 300.0  # none finished for so long: not alive

    openai_model: str = ""  # the language model the workers have; its key is theirs alone. Empty: none
    openai_by_default: bool = True  # whether it writes for Simulations that name no source
    # as the scheduler's: the operator offers a new plan's first batches too
    horizon_seconds: Annotated[int, Field(ge=2, le=3600)] = 60
    prepare_lead_seconds: Annotated[int, Field(ge=5)] = 120

    # after the end of a run, for its batches and what was recorded about its single records; the run itself and its counts stay
    retention_seconds: Annotated[int, Field(gt=0)] = 90 * DAY_SECONDS

    @property
    def content_sources(self) -> ContentSources:
        has_model = bool(self.openai_model.strip())
        return ContentSources(has_model=has_model, default=Source.OPENAI if has_model and self.openai_by_default else Source.FAKER)

    @property
    def scopes(self) -> tuple[str | None, ...]:
        return scopes_of(self.watch_namespaces)
