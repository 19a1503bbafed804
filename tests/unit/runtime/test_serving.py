"""Health tells the truth: what a check says is what a probe gets."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from simulation_core.errors import SettingsError
from simulation_core.serving import HealthServer


class Checks:
    unready: str | None = None
    dead: str | None = None
    raising: bool = False

    def ready(self) -> str | None:
        if self.raising:
            raise RuntimeError("secret detail")
        return self.unready


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def server(checks: Checks) -> Iterator[HealthServer]:
    server = HealthServer("127.0.0.1:0", ready=checks.ready, alive=lambda: checks.dead)
    server.start()
    yield server
    server.stop()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_healthy_process_answers_ok(server: HealthServer) -> None:
    assert get(server, "/healthz") == (200, "ok")
    assert get(server, "/readyz") == (200, "ok")


def test_readiness_and_liveness_fail_apart_and_say_why(server: HealthServer, checks: Checks) -> None:
    checks.unready = "the schema is older than this build"
    assert get(server, "/readyz") == (503, "the schema is older than this build")
    assert get(server, "/healthz") == (200, "ok")


def test_a_check_that_raises_has_failed_without_telling_secrets(server: HealthServer, checks: Checks) -> None:
    checks.raising = True
    assert get(server, "/readyz") == (503, "check failed: RuntimeError")


def test_metrics_are_served_and_other_paths_are_not(server: HealthServer) -> None:
    assert "python_info" in get(server, "/metrics")[1]
    assert get(server, "/other")[0] == 404


@pytest.mark.parametrize("address", ["8080", "host:port", "0.0.0.0:70000", ":"])
def test_a_malformed_bind_address_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match="SIMULATION_BIND_ADDRESS"):
        HealthServer(address, ready=lambda: None, alive=lambda: None)
