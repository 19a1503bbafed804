from __future__ import annotations

from typing import TYPE_CHECKING

import kubernetes
import pytest
from kubernetes.client import CoreV1Api, RbacAuthorizationV1Api, VersionApi

from simulation_sandbox.assets import Assets, link_flags
from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubernetes.client import ApiClient


@pytest.fixture
def own_control_plane(tmp_path: Path, assets: Assets) -> Iterator[ControlPlane]:
    server = ControlPlane(tmp_path / "control-plane", assets, durable=False)
    server.start()
    yield server
    server.remove()


def may_list_pods(client: ApiClient, namespace: str) -> bool:
    try:
        CoreV1Api(client).list_namespaced_pod(namespace)
    except kubernetes.client.ApiException as refusal:
        if refusal.status != 403:
            raise
        return False
    return True


def test_it_says_the_pinned_version(kube: ApiClient) -> None:
    assert f"gitVersion={VersionApi(kube).get_code().git_version}" in link_flags()


def test_a_service_account_may_do_only_what_rbac_gives_it(control_plane_server: ControlPlane, kube: ApiClient, namespace: str) -> None:
    request = {"spec": {"audiences": [], "expirationSeconds": 600}}
    CoreV1Api(kube).create_namespaced_service_account(namespace, {"metadata": {"name": "tester"}})
    token = CoreV1Api(kube).create_namespaced_service_account_token("tester", namespace, request).status.token
    configuration = kubernetes.client.Configuration(host=control_plane_server.server)
    configuration.ssl_ca_cert = str(control_plane_server.folder / "pki" / "ca.crt")
    configuration.api_key = {"authorization": f"Bearer {token}"}
    with kubernetes.client.ApiClient(configuration) as tester:
        assert not may_list_pods(tester, namespace)
        RbacAuthorizationV1Api(kube).create_namespaced_role_binding(
            namespace,
            {
                "metadata": {"name": "tester-views"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"kind": "ServiceAccount", "name": "tester", "namespace": namespace}],
            },
        )
        wait_for(lambda: may_list_pods(tester, namespace), what="the role binding to count", within_seconds=10)


def test_a_restart_keeps_objects_credentials_and_address(own_control_plane: ControlPlane) -> None:
    with kubernetes.config.new_client_from_config(str(own_control_plane.kubeconfig)) as client:
        CoreV1Api(client).create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
        before = own_control_plane.kubeconfig.read_text()
        own_control_plane.stop()
        own_control_plane.start()
        assert own_control_plane.kubeconfig.read_text() == before
        assert CoreV1Api(client).read_namespaced_config_map("kept", "default").metadata.name == "kept"
