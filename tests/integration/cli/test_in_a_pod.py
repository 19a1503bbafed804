"""In a pod there is no kubeconfig, but a service account: its token and namespace are used, and its rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes
import pytest
import yaml

from simulation_cli import main


@pytest.fixture
def in_a_pod(reader: Path, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the service account of one who may look at Simulations in the namespace."""
    content = yaml.safe_load(reader.read_text())
    server = urlsplit(content["clusters"][0]["cluster"]["server"])
    mounted = tmp_path / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text(content["users"][0]["user"]["token"])
    (mounted / "ca.crt").write_bytes(reader.with_suffix(".crt").read_bytes())
    (mounted / "namespace").write_text(namespace)
    monkeypatch.setattr(kubernetes.config.incluster_config, "SERVICE_TOKEN_FILENAME", str(mounted / "token"))
    monkeypatch.setattr(kubernetes.config.incluster_config, "SERVICE_CERT_FILENAME", str(mounted / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))


@pytest.mark.parametrize(("words", "code"), [(["list"], 0), (["list", "-A"], 6)])
def test_the_service_account_is_used(
    in_a_pod: None, cluster: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    cluster.create("launch")
    monkeypatch.setattr("sys.argv", ["kubectl-simulation", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert (int(ended.value.code or 0), "launch" in capsys.readouterr().out) == (code, code == 0)
