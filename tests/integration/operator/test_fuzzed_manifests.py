"""Ten thousand manifests, most of them nonsense, through the real API server: each is refused with a message, or reconciled to a phase."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings

from references.nonsense import some_wider_specs
from simulation_core.errors import SpecError
from simulation_core.spec import parse_spec

MANIFESTS = 10_000
CREATED = 300
LOOKED_AT_SECONDS = 3600
SETTLED = {"Queued", "Running", "Suspended", "Completed", "Failed", "Cancelled"}
API = "/apis/simulation-operator.dev/v1alpha1/namespaces"


class Server:
    """The API server as an administrator's program meets it; a connection that is kept, for ten thousand requests."""

    def __init__(self, kube: Any, namespace: str) -> None:
        configuration = kube.configuration
        self._pool = urllib3.connection_from_url(
            configuration.host, ca_certs=configuration.ssl_ca_cert, cert_reqs="CERT_REQUIRED", maxsize=2
        )
        self._headers = {"Authorization": configuration.auth_settings()["BearerToken"]["value"], "Content-Type": "application/json"}
        self._path = f"{API}/{namespace}/simulations?fieldValidation=Strict"

    def create(self, spec: Any, name: str, *, dry: bool = False) -> tuple[int, dict[str, Any]]:
        """The answer's status and body."""
        body = {"apiVersion": "simulation-operator.dev/v1alpha1", "kind": "Simulation", "metadata": {"name": name}, "spec": spec}
        path = f"{self._path}&dryRun=All" if dry else self._path
        answer = self._pool.urlopen("POST", path, body=json.dumps(body), headers=self._headers, retries=False)
        return answer.status, json.loads(answer.data)


@pytest.fixture
def server(kube, namespace, simulation_kind) -> Server:
    return Server(kube, namespace)


def is_understood(spec: dict[str, Any]) -> bool:
    """What the API server took is read by the operator too, or refused by it with the field and a remedy."""
    try:
        parse_spec(spec)
    except SpecError as error:
        return error.field.startswith("spec") and len(str(error)) > len(error.field) + 10
    return True


def test_each_is_refused_with_a_message_or_reconciled_to_a_phase(server, cluster, operator):
    taken = sent(server)
    assert len(taken) > 2 * CREATED
    names = [create(server, spec, number) for number, spec in enumerate(taken[:: len(taken) // CREATED][:CREATED])]
    phases = {reached(cluster, name) for name in names}
    assert phases >= {"Queued", "Suspended", "Failed"}
    assert "Traceback" not in operator.log
    assert operator.answer("/readyz")[0] == 200


def sent(server: Server) -> list[Any]:
    """All of them, none kept; those that the API server would have taken."""
    taken = []

    @given(some_wider_specs())
    @settings(
        max_examples=MANIFESTS, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )  # fmt: skip
    def send(spec: dict[str, Any]) -> None:
        status, answer = server.create(spec, "trial", dry=True)
        if status == 201:
            assert is_understood(answer["spec"]), answer["spec"]
            taken.append(spec)
        else:
            assert status in {400, 422}, answer
            assert len(answer["message"]) > 20, answer

    send()
    return taken


def create(server: Server, spec: Any, number: int) -> str:
    """What would be deleted a second after its end stays until it has been looked at."""
    name = f"fuzzed-{number}"
    ttl = spec.get("ttlSecondsAfterFinished")
    if ttl is not None and ttl < LOOKED_AT_SECONDS:
        spec = {**spec, "ttlSecondsAfterFinished": LOOKED_AT_SECONDS}
    status, answer = server.create(spec, name)
    assert status == 201, answer
    return name


def reached(cluster: Any, name: str) -> str:
    """The phase, once the operator has come to a conclusion; with a sentence, and nothing that it didn't foresee."""
    found = cluster.wait(
        lambda each: each.get("status", {}).get("phase") in SETTLED or waits(cluster, each),
        "a phase",
        name=name,
        within_seconds=120,
    )
    assert cluster.condition(found, "Progressing")["reason"] != "InternalError", found
    assert len(found["status"]["message"]) > 10, found
    return found["status"]["phase"]


def waits(cluster: Any, simulation: dict[str, Any]) -> bool:
    """For its portal, or for a language model."""
    return cluster.condition(simulation, "Accepted").get("reason") in {"PortalUnknown", "ModelUnknown"}
