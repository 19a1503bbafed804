"""All that the commands ask of a Kubernetes cluster. Whatever goes wrong becomes one of the errors of `exits`, once, here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import kubernetes
import urllib3
import yaml

from simulation_cli.exits import ForbiddenError, NoSuchSimulationError, NotInstalledError, UnreachableError

GROUP, VERSION, PLURAL = "simulation-operator.dev", "v1alpha1", "simulations"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
config: Any = kubernetes.config  # published without types

TIMEOUT_SECONDS = 10.0
# No second tries: somebody sits in front of it, and urllib3 would log each of them.
RETRIES = False


@dataclass(frozen=True)
class Where:
    """As the options of that name say; None: what the kubeconfig says."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ClusterSimulation:
    """One Simulation as the API server has it."""

    namespace: str
    name: str
    uid: UUID
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    applied: Mapping[str, Any] = field(default_factory=dict)  # the spec as `kubectl apply` last had it; empty: it was never applied

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def get_simulation(name: str, where: Where) -> ClusterSimulation:
    """Raises UnreachableError, NoSuchSimulationError, NotInstalledError or ForbiddenError."""
    with _connection(where) as (client, namespace):
        api = kubernetes.client.CustomObjectsApi(client)
        with _explained(f"Simulation {namespace}/{name}", client):
            body = api.get_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, name, _request_timeout=TIMEOUT_SECONDS)
    return _simulation(cast(Mapping[str, Any], body))


def _simulation(body: Mapping[str, Any]) -> ClusterSimulation:
    metadata = body["metadata"]
    return ClusterSimulation(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=UUID(metadata["uid"]),
        spec=body.get("spec") or {},
        status=body.get("status") or {},
        applied=_last_applied(metadata),
    )


def _last_applied(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What kubectl remembers in the object, to know which fields a file no longer sets."""
    try:
        spec = json.loads((metadata.get("annotations") or {}).get(LAST_APPLIED, "{}")).get("spec")
    except (ValueError, AttributeError):  # anybody may write annotations
        return {}
    return spec if isinstance(spec, dict) else {}


@contextmanager
def _connection(where: Where) -> Iterator[tuple[Any, str]]:
    """A client, and the namespace that is meant: the option's, else the context's, else default, as kubectl has it."""
    configuration: Any = kubernetes.client.Configuration()
    path = str(where.kubeconfig or config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION)
    try:
        content = config.kube_config.KubeConfigMerger(path).config
        if content is None:
            raise config.ConfigException("there is none")
        loader = config.kube_config.KubeConfigLoader(content, active_context=where.context, config_base_path=None)
        loader.load_and_set(configuration)
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        raise UnreachableError(f"kubeconfig {path} can't be used: {_one_line(error)}. Set KUBECONFIG, --kubeconfig or --context") from None
    configuration.retries = RETRIES
    with kubernetes.client.ApiClient(configuration) as client:
        yield client, where.namespace or loader.current_context["context"].get("namespace") or "default"


@contextmanager
def _explained(what: str, client: Any) -> Iterator[None]:
    """The API server's refusals, and its silence, in words."""
    server = client.configuration.host
    try:
        yield
    except kubernetes.client.ApiException as error:
        answer = _answer(error)
        said = _one_line(answer.get("message") or error.reason)
        match error.status:
            case 404 if (answer.get("details") or {}).get("name"):
                raise NoSuchSimulationError(f"{what} isn't in the cluster: `kubectl get simulations -A` lists those that are") from None
            case 404:
                raise NotInstalledError(f"{server} doesn't know Simulations: install the chart there, or choose a context") from None
            case 401 | 403:
                raise ForbiddenError(f"{what} can't be read: {said}. Ask the administrator for the right to get {PLURAL}.{GROUP}") from None
        raise UnreachableError(f"{what} can't be read: {error.status} {said}. Try again later") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UnreachableError(f"{server} can't be reached: {_one_line(error)}. Check the network, or choose a context") from None


def _answer(error: Any) -> Mapping[str, Any]:
    """A Status object, or nothing where the server speaks in plain text: so it does of kinds that it doesn't know."""
    try:
        answer = json.loads(error.body or "")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _one_line(said: object) -> str:
    return " ".join(str(said).split()).removesuffix(".")
