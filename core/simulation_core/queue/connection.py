"""The connection to Redis (or Valkey): short timeouts, no hidden retries, and one place where outages get their name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulation_core.errors import QueueUnavailableError, SettingsError

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0  # longer than any blocking command we send
HEALTH_CHECK_SECONDS = 15

NO_EVICTION = "noeviction"

# Redis is there but takes no writes for now: a full disk, a failover under way (it ends blocking pops as UNBLOCKED), too few replicas,
# a script that runs too long.
_REFUSALS = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "UNBLOCKED", "BUSY", "LOADING")
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.NoPermissionError,
)


def connect(url: str) -> Redis:
    """A client with a pool; connects at its first command. Raises SettingsError where the URL can't be read."""
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            health_check_interval=HEALTH_CHECK_SECONDS,
            retry=Retry(NoBackoff(), 0),  # whoever calls decides: a repeated pop or push is not the same as one
        )
    except ValueError:
        raise SettingsError("SIMULATION_REDIS_URL is malformed: say redis://[:password@]host:port[/number], or rediss://") from None


@contextmanager
def outages_translated() -> Iterator[None]:
    """Raises QueueUnavailableError for what waiting can mend. Anything else, such as a fault in a script of ours, passes as it is."""
    try:
        yield
    except exceptions.RedisError as error:
        if isinstance(error, _AWAY) or (isinstance(error, exceptions.ResponseError) and str(error).startswith(_REFUSALS)):
            raise QueueUnavailableError(f"Redis: {error}") from error
        raise


def clock_s(redis: Redis) -> float:
    """Redis's clock, by which its scripts judge: by one that is ahead of it, what others have under way would count as abandoned."""
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1_000_000


def eviction_policy(redis: Redis) -> str | None:
    """`maxmemory-policy`, or None where the server doesn't say (hosted ones often hide CONFIG). Only noeviction never loses jobs."""
    try:
        with outages_translated():
            answer = redis.config_get("maxmemory-policy")
    except exceptions.ResponseError:
        return None
    except QueueUnavailableError as error:
        if isinstance(error.__cause__, exceptions.NoPermissionError):
            return None
        raise
    return dict(answer).get("maxmemory-policy")
