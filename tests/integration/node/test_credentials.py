"""Each pod is to the API server who its service account is, and nobody more."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client import ApiClient, CoreV1Api, RbacAuthorizationV1Api

from simulation_sandbox.node.node import ProcessNode, Timing
from simulation_sandbox.waiting import wait_for

POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"

ASK = """
import kubernetes, os, sys
kubernetes.config.load_kube_config()
core = kubernetes.client.CoreV1Api()
while True:
    try:
        print("found", len(core.list_namespaced_config_map(os.environ["NAMESPACE"]).items), flush=True)
        break
    except kubernetes.client.ApiException as refusal:
        print("refused", refusal.status, flush=True)
        import time; time.sleep(0.2)
"""


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_rbac_is_enforced_through_the_pods_own_token(pods: Any, node: ProcessNode, kube: ApiClient, namespace: str) -> None:
    CoreV1Api(kube).create_namespaced_service_account(namespace, {"metadata": {"name": "reader"}})
    env = [{"name": "NAMESPACE", "value": namespace}]
    container = {"name": "main", "image": "unused", "command": ["python", "-W", "ignore", "-c", ASK], "env": env}
    pods.create("one", container, serviceAccountName="reader", restartPolicy="Never")
    pods.wait_log("one", "refused 403")
    rbac = RbacAuthorizationV1Api(kube)
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    rbac.create_namespaced_role(namespace, {"metadata": {"name": "reader"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subjects = [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}]
    rbac.create_namespaced_role_binding(namespace, {"metadata": {"name": "reader"}, "roleRef": role, "subjects": subjects})
    assert "found" in pods.log(pods.wait_phase("one", "Succeeded"))


def test_the_token_is_bound_to_the_pod_and_renewed(
    pods: Any, start_node: Callable[..., ProcessNode], quick: Timing, namespace: str
) -> None:
    start_node(timing=replace(quick, token_refresh_percent=0.02))  # of about an hour
    pods.create("one", pods.shell(f"echo $KUBECONFIG; {POLITE}"))
    pod = pods.wait_ready("one")
    path = Path(pods.wait_log("one", "\n").strip())
    assert path.stat().st_mode & 0o777 == 0o600

    def current() -> str:
        settings = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(path), client_configuration=settings)
        return str(settings.get_api_key_with_prefix("BearerToken")).removeprefix("Bearer ")

    first = current()
    assert claims(first)["sub"] == f"system:serviceaccount:{namespace}:default"
    assert claims(first)["kubernetes.io"]["pod"] == {"name": "one", "uid": pod["metadata"]["uid"]}
    wait_for(lambda: current() != first, what="a new token", within_seconds=20)


def test_a_pod_that_wants_no_credentials_gets_none(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell("echo ${KUBECONFIG:-none}"), automountServiceAccountToken=False, restartPolicy="Never")
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "none\n"


@pytest.mark.usefixtures("node")
def test_the_usual_files_are_found_at_their_mount_path(pods: Any, namespace: str) -> None:
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    pods.create("one", pods.shell(f"cat {folder}/namespace; echo; head -1 {folder}/ca.crt"), restartPolicy="Never")
    assert pods.log(pods.wait_phase("one", "Succeeded")).splitlines() == [namespace, "-----BEGIN CERTIFICATE-----"]
