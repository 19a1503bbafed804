from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import kubernetes
import pytest

from simulation_sandbox import install as module
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.install import NAMESPACE, Installation, install
from simulation_sandbox.layout import Layout
from simulation_sandbox.postgres import Postgres

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes.client import ApiClient

    from simulation_sandbox.assets import Assets
    from simulation_sandbox.valkey import Valkey

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: installed}\ndata: {portal: {{ (first .Values.portals).url | quote }}}\n"
NEVER_READY = """
apiVersion: v1
kind: Pod
metadata: {name: never-ready}
spec: {nodeName: nowhere, containers: [{name: never, image: none}]}
"""


@pytest.fixture
def layout(tmp_path: Path, control_plane: Path, assets: Assets, postgres_server: Postgres, redis_server: Valkey) -> Layout:
    """Of a sandbox made of the tests' own servers."""
    layout = Layout(tmp_path)
    layout.kubeconfig.write_text(control_plane.read_text())
    layout.postgres.symlink_to(postgres_server.folder)
    layout.valkey.symlink_to(redis_server.folder)
    layout.bin.mkdir()
    (layout.bin / "helm").symlink_to(assets.helm)
    return layout


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small chart in the place of ours: what is tested here is the installing."""
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.0\n")
    (chart / "templates" / "it.yaml").write_text(CONFIG_MAP)
    monkeypatch.setattr(module, "CHART", chart)
    return chart


def wanted(token: str = "first") -> Installation:
    return Installation(hubspot_url="http://hubspot.test", token=token)


def test_it_installs_secrets_and_chart_and_again_updates_them(layout: Layout, chart: Path, kube: ApiClient) -> None:
    core = kubernetes.client.CoreV1Api(kube)
    for token in ("first", "second"):
        install(layout, wanted(token), print)
        secret = core.read_namespaced_secret("simulation-portal-default", NAMESPACE)
        assert base64.b64decode(secret.data["token"]).decode() == token
    database = core.read_namespaced_secret("simulation-database", NAMESPACE)
    assert base64.b64decode(database.data["url"]).decode() == Postgres(layout.postgres).url
    assert core.read_namespaced_config_map("installed", NAMESPACE).data == {"portal": "http://hubspot.test"}
    assert "second" not in "".join(path.read_text() for path in layout.log.iterdir())


def test_it_goes_on_after_an_install_that_failed(layout: Layout, chart: Path, kube: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    (chart / "templates" / "never.yaml").write_text(NEVER_READY)
    with monkeypatch.context() as shorter:
        shorter.setattr(module, "INSTALL_WITHIN_SECONDS", 2)
        with pytest.raises(SandboxError, match="never-ready"):
            install(layout, wanted(), print)
    (chart / "templates" / "never.yaml").unlink()
    install(layout, wanted(), print)


def test_the_token_is_not_in_what_an_installation_shows() -> None:
    assert "first" not in repr(wanted())
