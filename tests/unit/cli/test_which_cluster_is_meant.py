"""A kubeconfig that can't be used, credentials that can't be had, and a pod that has its service account instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml

from simulation_cli.cluster import Where
from simulation_cli.cluster.kubeconfig import access, contexts
from simulation_cli.exits import UnreachableError

SERVER = "http://127.0.0.1:1"


def a_kubeconfig(tmp_path: Path, *, user: dict[str, Any] | None = None, **changes: Any) -> Path:
    content = {
        "clusters": [{"name": "there", "cluster": {"server": SERVER}}],
        "users": [{"name": "me", "user": user or {}}],
        "contexts": [
            {"name": "work", "context": {"cluster": "there", "user": "me", "namespace": "marketing"}},
            {"name": "play", "context": {"cluster": "there"}},
        ],
        "current-context": "work",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content | changes))
    return tmp_path / "kubeconfig"


def test_the_current_context_gives_server_and_namespace(tmp_path: Path) -> None:
    path = a_kubeconfig(tmp_path)
    found = access(Where(kubeconfig=path))
    assert (found.configuration.host, found.namespace) == (SERVER, "marketing")
    assert [access(Where(kubeconfig=path, **given)).namespace for given in ({"context": "play"}, {"namespace": "n"})] == ["default", "n"]
    assert contexts(Where(kubeconfig=path)) == ["work", "play"]


@pytest.mark.parametrize(
    "changes",
    [
        {"contexts": 5},
        {"contexts": ["work"]},
        {"contexts": [{"name": "work", "context": "there"}]},
        {"clusters": [{"name": "there", "cluster": {"server": 5}}]},
        {"clusters": {"there": 1}},
        {"users": [{"user": {}}]},
        {"users": [{"name": "me", "user": {"exec": 5}}]},
    ],
)
def test_a_kubeconfig_of_another_shape_is_said_in_one_line(tmp_path: Path, ended_with: Any, changes: dict[str, Any]) -> None:
    path = a_kubeconfig(tmp_path, **changes)
    code, said = ended_with("list", "--kubeconfig", path)
    assert (code, said.count("\n"), f"kubeconfig {path} " in said, "--kubeconfig or --context" in said) == (3, 1, True, True)


@pytest.mark.parametrize("text", ["[1, 2]", "hello", "", "contexts: [", "\udcff"])
def test_what_is_no_kubeconfig_is_said_in_one_line(tmp_path: Path, ended_with: Any, text: str) -> None:
    (tmp_path / "kubeconfig").write_bytes(text.encode(errors="surrogateescape"))
    code, said = ended_with("list", "--kubeconfig", tmp_path / "kubeconfig")
    assert (code, said.count("\n")) == (3, 1)


@pytest.mark.parametrize(
    ("command", "why"),
    [("no-such-login", "No such file or directory: 'no-such-login'"), ("false", "exec: process returned 1"), ("true", "failed to decode")],
)
def test_a_command_for_credentials_that_fails_is_named(tmp_path: Path, ended_with: Any, command: str, why: str) -> None:
    path = a_kubeconfig(tmp_path, user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command}})
    code, said = ended_with("list", "--kubeconfig", path)
    assert (code, said.count("\n")) == (3, 1)
    assert f"command for credentials, {command}, fails: " in said
    assert why in said


@pytest.fixture
def in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Kubernetes puts into each pod, and no kubeconfig."""
    for name, text in (("token", "secret"), ("ca.crt", "certificate"), ("namespace", "batch")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kubernetes.config.incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(kubernetes.config.incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    return tmp_path


def test_a_pod_without_a_kubeconfig_has_its_service_account(in_a_pod: Path) -> None:
    found = access(Where())
    assert (found.configuration.host, found.namespace) == ("https://10.0.0.1:443", "batch")
    assert found.configuration.api_key == {"BearerToken": "bearer secret"}
    assert access(Where(namespace="n")).namespace == "n"


def test_in_a_pod_a_kubeconfig_comes_first(in_a_pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(in_a_pod)))
    assert access(Where()).configuration.host == SERVER


@pytest.mark.parametrize("asked", [{"context": "work"}, {"kubeconfig": Path("/nonexistent")}])
def test_in_a_pod_what_was_asked_for_is_not_replaced(in_a_pod: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(UnreachableError, match="there is none"):
        access(Where(**asked))


def test_outside_a_pod_there_is_no_service_account(in_a_pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(UnreachableError, match="there is none"):
        access(Where())
