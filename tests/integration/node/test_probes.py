"""Startup, readiness and liveness, by HTTP, command and TCP."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("node")
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
WORK: dict[str, Any] = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
VOLUMES = [{"name": "work", "emptyDir": {}}]
EVERY_SECOND = {"periodSeconds": 1, "failureThreshold": 1}


def command(script: str, **fields: Any) -> dict[str, Any]:
    return {"exec": {"command": ["/bin/sh", "-c", script]}, **EVERY_SECOND, **fields}


def web_server(**fields: Any) -> dict[str, Any]:
    return {
        "name": "main",
        "image": "unused",
        "command": ["python", "-m", "http.server", "--bind", "$(POD_IP)", "--directory", "/scratch", "8080"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "health", "containerPort": 8080}],
        **WORK,
        **fields,
    }


def test_readiness_follows_what_the_probe_says(pods: Any) -> None:
    toggles = "touch /scratch/fine; sleep 2; rm /scratch/fine; trap 'exit 0' TERM; while :; do sleep 0.1; done"
    pods.create("one", pods.shell(toggles, readinessProbe=command("test -e /scratch/fine"), **WORK), volumes=VOLUMES)
    pods.wait_ready("one")
    pod = pods.wait("one", lambda pod: pods.condition(pod, "Ready") == "False")
    unready = {each["type"]: each for each in pod["status"]["conditions"]}["ContainersReady"]
    assert unready["message"] == "containers with unready status: [main]"
    assert pods.container(pod)["restartCount"] == 0


def test_http_probes_find_the_pod_by_its_address_and_the_ports_name(pods: Any) -> None:
    probe = {"httpGet": {"path": "/", "port": "health"}, **EVERY_SECOND}
    pods.create("one", web_server(readinessProbe=probe), volumes=VOLUMES)
    pods.wait_ready("one")


def test_http_answers_from_400_on_are_failures(pods: Any) -> None:
    probe = {"httpGet": {"path": "/not-there", "port": "health"}, "initialDelaySeconds": 1, **EVERY_SECOND}
    pods.create("one", web_server(livenessProbe=probe), volumes=VOLUMES)
    pod = pods.wait("one", lambda pod: pods.container(pod).get("restartCount", 0) >= 1)
    end = pods.container(pod)["lastState"]["terminated"]
    assert end["message"].startswith("liveness probe failed: http://127.")
    assert "HTTP 404" in end["message"]


def test_tcp_probes_need_somebody_who_listens(pods: Any) -> None:
    probe = {"tcpSocket": {"port": 8080}, **EVERY_SECOND}
    pods.create("listens", web_server(readinessProbe=probe), volumes=VOLUMES)
    pods.create("does-not", pods.shell(POLITE, readinessProbe=probe))
    pods.wait_ready("listens")
    pod = pods.get("does-not")
    assert pod["status"]["phase"] == "Running"
    assert pods.condition(pod, "Ready") == "False"


def test_liveness_waits_for_startup_which_has_its_own_patience(pods: Any) -> None:
    starts_slowly = f"sleep 3; touch /scratch/up; {POLITE}"
    container = pods.shell(
        starts_slowly,
        startupProbe=command("test -e /scratch/up", failureThreshold=10),
        livenessProbe=command("test -e /scratch/up"),
        **WORK,
    )
    pods.create("one", container, volumes=VOLUMES)
    pod = pods.wait("one", lambda pod: "running" in pods.container(pod).get("state", {}))
    assert not pods.container(pod)["started"]
    pod = pods.wait_ready("one")
    assert pods.container(pod)["started"]
    assert pods.container(pod)["restartCount"] == 0


def test_a_startup_that_takes_too_long_is_ended(pods: Any) -> None:
    pods.create("one", pods.shell(POLITE, startupProbe=command("exit 1", failureThreshold=2)))
    pod = pods.wait("one", lambda pod: pods.container(pod).get("restartCount", 0) >= 1)
    assert pods.container(pod)["lastState"]["terminated"]["message"].startswith("startup probe failed")


def test_a_probe_that_hangs_fails_after_its_timeout(pods: Any) -> None:
    pods.create("one", pods.shell(POLITE, livenessProbe=command("sleep 1000", timeoutSeconds=1)))
    pod = pods.wait("one", lambda pod: pods.container(pod).get("restartCount", 0) >= 1)
    assert "no answer within 1 s" in pods.container(pod)["lastState"]["terminated"]["message"]
