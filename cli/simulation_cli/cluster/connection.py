"""A connection to the cluster that is meant, and the API server's refusals, and its silence, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import kubernetes
import urllib3

from simulation_cli.cluster.kubeconfig import Where, access
from simulation_cli.exits import (
    CalledWronglyError,
    CommandError,
    ForbiddenError,
    NoSuchSimulationError,
    NotInstalledError,
    NotPossibleError,
    UnknownUserError,
    UnreachableError,
    one_line,
)
from simulation_cli.resource import GROUP, PLURAL

SIMULATIONS = f"{PLURAL}.{GROUP}"

TIMEOUT_SECONDS = 10.0
# No second tries: somebody sits in front of it, and urllib3 would log each of them.
RETRIES = False

_PASSING = frozenset({408, 409, 429, *range(500, 600)})  # another time it may be answered
_DONE = {"get": "read", "list": "listed", "patch": "changed"}


@dataclass(frozen=True)
class Right:
    """What a role must allow for a request to be answered."""

    verb: str
    resource: str  # as `kubectl auth can-i` takes it

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True)
class Cluster:
    """One cluster for the length of a command."""

    client: Any  # Kubernetes' ApiClient
    namespace: str  # the option's, else the context's, else default, as kubectl has it

    @property
    def server(self) -> str:
        return str(self.client.configuration.host)

    @contextmanager
    def asked(self, what: str, right: Right) -> Iterator[None]:
        """Raises what went wrong within as one of the CommandErrors."""
        try:
            yield
        except kubernetes.client.ApiException as error:
            raise self._explained(error, what, right) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"{self.server} can't be reached: {one_line(error)}. Check the network, or choose a context") from None

    def _explained(self, error: Any, what: str, right: Right) -> CommandError:
        answer, failed = _answer(error), f"{what} can't be {_DONE[right.verb]}"
        said = one_line(answer.get("message") or error.reason)
        match error.status:
            case 404 if right.resource == SIMULATIONS:
                return self._absent(what, named=bool((answer.get("details") or {}).get("name")))
            case 401:
                return UnknownUserError(
                    f"{failed}: {self.server} doesn't know who you are ({said}). Log in again, or check the credentials of the context"
                )
            case 403:
                return ForbiddenError(f"{failed}: {said}. Ask the administrator for the right to {right}")
            case 422 if any(cause.get("field") == "metadata.uid" for cause in (answer.get("details") or {}).get("causes") or ()):
                return NoSuchSimulationError(f"{what} was deleted and created again meanwhile: that is another one. Ask again for it")
            case 400 | 422 if right.resource == SIMULATIONS:
                return (CalledWronglyError if error.status == 400 else NotPossibleError)(f"{failed}: {said}")
        return UnreachableError(f"{failed}: {error.status} {said}{'. Try again later' if error.status in _PASSING else ''}")

    def _absent(self, what: str, *, named: bool) -> CommandError:
        """A Status that names what isn't there comes from an API server that knows its kind."""
        if named:
            return NoSuchSimulationError(f"{what} isn't in the cluster: `kubectl get simulations -A` lists those that are")
        return NotInstalledError(f"{self.server} doesn't know Simulations: install the chart there, or choose a context")


@contextmanager
def connected(where: Where) -> Iterator[Cluster]:
    """Raises UnreachableError where no cluster is named; nothing is asked yet."""
    found = access(where)
    found.configuration.retries = RETRIES
    with kubernetes.client.ApiClient(found.configuration) as client:
        yield Cluster(client, found.namespace)


def _answer(error: Any) -> Mapping[str, Any]:
    """A Status object, or nothing where the server speaks in plain text: so it does of kinds that it doesn't know."""
    try:
        answer = json.loads(error.body or "")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
