"""`simulation-operator release`: before the chart goes, lets go of every Simulation that is held to be archived.

Without an operator nobody would take the finalizers off: deleting the Simulations, their namespaces or the kind itself would hang for ever.
What they created stays in HubSpot, which keeps the run's id on each record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, cast

from pydantic_settings import BaseSettings, SettingsConfigDict

from simulation_core import logging as process_logging
from simulation_core.errors import SimulationError
from simulation_core.settings import PREFIX, load
from simulation_operator.api import Api, ApiError, ConflictError
from simulation_operator.limiter import Limiter
from simulation_operator.login import api_client
from simulation_operator.metrics import Metrics
from simulation_operator.resource import ARCHIVE_FINALIZER, Seen
from simulation_operator.settings import scopes_of

log = logging.getLogger(__name__)

BETWEEN_LOOKS_SECONDS = 2.0
DEADLINE_SECONDS = 90.0
WRITES_PER_SECOND = 40.0
QUIET_LOOKS = 2  # an operator that is just ending may have held one more meanwhile


class ReleaseSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    namespace: str
    operator_deployment: str
    watch_namespaces: str = "*"
    log_level: str = "INFO"


class NotReleasedError(SimulationError):
    """It took too long. Whoever asked is told, and may do it again."""


async def release(api: Api, settings: ReleaseSettings, *, deadline_seconds: float = DEADLINE_SECONDS) -> int:
    """How many were let go. Ends the operator first: it would hold them again. Raises NotReleasedError."""
    until, released, quiet, problem = time.monotonic() + deadline_seconds, 0, 0, "an operator held them again"
    while quiet < QUIET_LOOKS:
        try:
            await api.scale(settings.namespace, settings.operator_deployment, 0)
            held = await _held(api, settings)
            for each in held:
                await _let_go(api, each)
            released, quiet = released + len(held), 0 if held else quiet + 1
        except ApiError as error:
            log.warning("%s", error)
            problem = str(error)
        if time.monotonic() > until:
            raise NotReleasedError(f"not all Simulations could be let go: {problem}. Try again, or remove {ARCHIVE_FINALIZER} by hand")
        await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
    return released


async def _held(api: Api, settings: ReleaseSettings) -> list[Seen]:
    scopes = scopes_of(settings.watch_namespaces)
    return [each for scope in scopes async for page in api.list_seen(scope) for each in page.seen if each.held]


async def _let_go(api: Api, simulation: Seen) -> None:
    try:
        await api.set_finalizer(simulation.key, ARCHIVE_FINALIZER, present=False)
    except ConflictError:
        log.debug("%s changed meanwhile; the next look finds it", simulation.key)


async def _release(settings: ReleaseSettings) -> None:
    connection = await api_client()
    try:
        api = Api(connection, Limiter(rate_per_second=WRITES_PER_SECOND, burst=10), Metrics())
        log.info("%d Simulations were let go without being archived", await release(api, settings))
    finally:
        await cast(Any, connection).close()


def command() -> None:
    settings = load(ReleaseSettings)
    process_logging.configure(settings.log_level)
    try:
        asyncio.run(_release(settings))
    except NotReleasedError as error:
        raise SystemExit(f"simulation-operator release: {error}") from None
