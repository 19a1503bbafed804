"""Secrets, ConfigMaps and projections as files of the pod, kept up to date."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api

from simulation_sandbox.waiting import wait_for

pytestmark = pytest.mark.usefixtures("node")
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


@pytest.fixture
def settings(kube: ApiClient, namespace: str) -> str:
    """A ConfigMap with two keys."""
    CoreV1Api(kube).create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}})
    return "settings"


def mounted(name: str, path: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **fields}


def test_files_are_found_by_their_mount_path_in_args_and_env(pods: Any, settings: str) -> None:
    container = pods.shell(
        "cat /etc/settings/a $FILE; ls $LIST",
        env=[{"name": "FILE", "value": "/etc/settings/b"}, {"name": "LIST", "value": "/etc/settings"}],
        volumeMounts=[mounted("settings", "/etc/settings")],
    )
    pods.create("one", container, volumes=[{"name": "settings", "configMap": {"name": settings}}], restartPolicy="Never")
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "12a\nb\n"


def test_a_changed_object_changes_the_files_at_once_and_together(pods: Any, kube: ApiClient, namespace: str, settings: str) -> None:
    container = pods.shell(f"echo /etc/settings; {POLITE}", volumeMounts=[mounted("settings", "/etc/settings")])
    pods.create("one", container, volumes=[{"name": "settings", "configMap": {"name": settings}}])
    pod = pods.wait_ready("one")
    folder = Path(wait_for(lambda: pods.log(pod).strip(), what="the folder", within_seconds=10))
    before = (folder / "..data").readlink()
    CoreV1Api(kube).patch_namespaced_config_map(settings, namespace, {"data": {"a": "3", "b": None, "c": "4"}})
    wait_for(lambda: (folder / "a").read_text() == "3", what="the new content", within_seconds=10)
    assert {path.name for path in folder.iterdir() if not path.name.startswith("..")} == {"a", "c"}
    assert (folder / "a").readlink() == Path("..data/a")
    assert (folder / "..data").readlink() != before


def test_items_modes_and_sub_paths(pods: Any, kube: ApiClient, namespace: str) -> None:
    CoreV1Api(kube).create_namespaced_secret(namespace, {"metadata": {"name": "tokens"}, "stringData": {"eu": "E", "us": "U"}})
    items = [{"key": "eu", "path": "europe/token", "mode": 0o400}, {"key": "us", "path": "us"}]
    container = pods.shell(
        "cat /tokens/europe/token /only; stat -L -c %a /tokens/europe/token /tokens/us",
        volumeMounts=[mounted("tokens", "/tokens"), mounted("tokens", "/only", subPath="us")],
    )
    volume = {"name": "tokens", "secret": {"secretName": "tokens", "items": items, "defaultMode": 0o440}}
    pods.create("one", container, volumes=[volume], restartPolicy="Never")
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "EU400\n440\n"


def test_a_projected_volume_merges_its_sources(pods: Any, kube: ApiClient, namespace: str, settings: str) -> None:
    core = CoreV1Api(kube)
    core.create_namespaced_secret(namespace, {"metadata": {"name": "tokens"}, "stringData": {"default": "T"}})
    sources = [
        {"secret": {"name": "tokens", "items": [{"key": "default", "path": "portals/default"}]}},
        {"secret": {"name": "missing", "optional": True}},
        {"configMap": {"name": settings}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "portal", "expirationSeconds": 600}},
    ]
    container = pods.shell("cd /all && cat portals/default a b labels && echo && cat token", volumeMounts=[mounted("all", "/all")])
    container["command"][2] = container["command"][2].replace("cd /all", "cd '/all'")
    volumes = [{"name": "all", "projected": {"sources": sources}}]
    pods.create("one", container, volumes=volumes, restartPolicy="Never", metadata={"labels": {"team": "crm"}})
    first, token = pods.log(pods.wait_phase("one", "Succeeded")).splitlines()
    assert first == 'T12team="crm"'
    payload = token.split(".")[1]
    claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    assert '"aud":["portal"]' in claims
    assert '"pod":{"name":"one"' in claims


def test_an_optional_object_may_come_later(pods: Any, kube: ApiClient, namespace: str) -> None:
    container = pods.shell("until cat /later/key; do sleep 0.1; done", volumeMounts=[mounted("later", "/later")])
    volumes = [{"name": "later", "secret": {"secretName": "later", "optional": True}}]
    pods.create("one", container, volumes=volumes, restartPolicy="Never")
    pods.wait_phase("one", "Running")
    CoreV1Api(kube).create_namespaced_secret(namespace, {"metadata": {"name": "later"}, "stringData": {"key": "came"}})
    assert "came" in pods.log(pods.wait_phase("one", "Succeeded"))


def test_a_missing_volume_holds_the_pod_until_it_is_there(pods: Any, kube: ApiClient, namespace: str) -> None:
    container = pods.shell("cat /needed/key", volumeMounts=[mounted("needed", "/needed")])
    volumes = [{"name": "needed", "secret": {"secretName": "needed"}}]
    pods.create("one", container, volumes=volumes, restartPolicy="Never")
    pod = pods.wait("one", lambda pod: pods.waiting(pod).get("reason") == "CreateContainerConfigError")
    assert pods.waiting(pod)["message"] == 'secret "needed" not found'
    assert pod["status"]["phase"] == "Pending"
    CoreV1Api(kube).create_namespaced_secret(namespace, {"metadata": {"name": "needed"}, "stringData": {"key": "here"}})
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "here"


def test_a_missing_key_holds_the_container_until_it_is_there(pods: Any, kube: ApiClient, namespace: str, settings: str) -> None:
    env = [{"name": "C", "valueFrom": {"configMapKeyRef": {"name": settings, "key": "c"}}}]
    pods.create("one", pods.shell("echo $C", env=env), restartPolicy="Never")
    pod = pods.wait("one", lambda pod: pods.waiting(pod).get("reason") == "CreateContainerConfigError")
    assert pods.waiting(pod)["message"] == 'couldn\'t find key c in configmap "settings"'
    CoreV1Api(kube).patch_namespaced_config_map(settings, namespace, {"data": {"c": "3"}})
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "3\n"


def test_a_kind_of_volume_that_cannot_be_had_says_so(pods: Any) -> None:
    pods.create("one", pods.shell("true"), volumes=[{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}])
    pod = pods.wait("one", lambda pod: pods.waiting(pod).get("reason") == "CreateContainerConfigError")
    assert "persistentVolumeClaim" in pods.waiting(pod)["message"]
