"""`kubectl simulation plan --against` on a real API server: what it shows, and each way in which the cluster can say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from kubernetes.client import ApiClient
from typer.testing import CliRunner

from simulation_cli import main
from simulation_cli.cluster import simulations
from simulation_sandbox.ports import free_port

SPEC = {"scenario": "B2B", "totalRecords": 400, "durationSeconds": 40}
STATUS = {
    "phase": "Running",
    "totalRecords": 400,
    "startTime": "2026-12-01T08:00:00.000Z",
    "endTime": "2026-12-01T08:00:40.000Z",
    "recordsProcessed": 100,
    "timeline": {
        "startTime": "2026-12-01T08:00:00.000Z",
        "bucketMilliseconds": 1000,
        "planned": [10] * 40,
        "delivered": [10] * 10 + [0] * 30,
    },
}

Against = Callable[..., tuple[int, str, str]]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "simulation.yaml"
    path.write_text(json.dumps({**KIND, "metadata": {"name": "launch"}, "spec": {**SPEC, "suspend": True}}))
    return path


KIND = {"apiVersion": "simulation-operator.dev/v1alpha1", "kind": "Simulation"}


@pytest.fixture
def against(
    manifest: Path, namespace: str, control_plane: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Against:
    """Compares the manifest with a Simulation: the exit code, standard output and standard error."""

    def run(name: str, *options: str, kubeconfig: Path = control_plane) -> tuple[int, str, str]:
        arguments = ["plan", "-f", str(manifest), "--against", name, "-n", namespace, "--kubeconfig", str(kubeconfig), *options]
        monkeypatch.setattr("sys.argv", ["kubectl-simulation", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def running(simulation_kind: None, kube: ApiClient, namespace: str) -> dict[str, Any]:
    api = kubernetes.client.CustomObjectsApi(kube)
    where = {"group": "simulation-operator.dev", "version": "v1alpha1", "namespace": namespace, "plural": "simulations"}
    api.create_namespaced_custom_object(**where, body={**KIND, "metadata": {"name": "launch"}, "spec": SPEC})
    simulation: dict[str, Any] = api.patch_namespaced_custom_object_status(
        **where, name="launch", body={"status": STATUS}, _content_type="application/merge-patch+json"
    )
    return simulation


def test_the_file_is_shown_beside_the_run(running: dict[str, Any], against: Against) -> None:
    code, output, _ = against("launch", "-o", "json")
    shown = json.loads(output)
    assert code == 0
    assert (shown["startTime"], shown["histogram"]) == ("2026-12-01T08:00:00.000Z", [10] * 40)
    assert shown["against"]["uid"] == running["metadata"]["uid"]
    assert shown["against"]["delivered"] == STATUS["timeline"]["delivered"]  # type: ignore[index] # a mapping, as above
    assert shown["against"]["differences"] == [{"field": "spec.suspend", "file": True, "cluster": False, "frozen": False}]


def test_defaults_of_the_api_server_are_no_difference(running: dict[str, Any], manifest: Path, against: Against) -> None:
    manifest.write_text(manifest.read_text().replace(', "suspend": true', ""))
    assert "applying it changes nothing" in against("launch")[1]


def test_a_picture_shows_both(running: dict[str, Any], against: Against, tmp_path: Path) -> None:
    assert against("launch", "-o", "png", "--output-file", str(tmp_path / "both.png"))[0] == 0
    assert (tmp_path / "both.png").stat().st_size > 10_000


def test_the_context_gives_the_namespace(running: dict[str, Any], manifest: Path, control_plane: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(control_plane.read_text())
    content["contexts"][0]["context"]["namespace"] = running["metadata"]["namespace"]
    content["contexts"][0]["name"], content["current-context"] = "there", ""
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    options = ["plan", "-f", str(manifest), "--against", "launch", "--context", "there", "--kubeconfig", str(tmp_path / "kubeconfig")]
    assert f"{running['metadata']['namespace']}/launch (Running)" in CliRunner().invoke(main.app, options).output


def test_a_name_that_is_not_there_ends_with_four(simulation_kind: None, against: Against, namespace: str) -> None:
    code, _, said = against("absent")
    assert (code, said.count("\n")) == (4, 1)
    assert f"Simulation {namespace}/absent isn't in the cluster" in said


def test_a_cluster_without_the_kind_ends_with_five(against: Against, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulations, "GROUP", "not-installed.example")
    code, _, said = against("launch")
    assert (code, said.count("\n")) == (5, 1)
    assert "doesn't know Simulations: install the chart there" in said


def test_missing_rights_end_with_six(running: dict[str, Any], against: Against, nobody: Path) -> None:
    code, _, said = against("launch", kubeconfig=nobody)
    assert (code, said.count("\n")) == (6, 1)
    assert 'cannot get resource "simulations"' in said


def test_a_token_that_is_not_known_ends_with_six(against: Against, stranger: Path) -> None:
    code, _, said = against("launch", kubeconfig=stranger)
    assert (code, said.count("\n")) == (6, 1)
    assert "Unauthorized" in said


def test_a_cluster_that_does_not_answer_ends_with_three(against: Against, control_plane: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(control_plane.read_text())
    content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    code, _, said = against("launch", kubeconfig=tmp_path / "kubeconfig")
    assert (code, said.count("\n")) == (3, 1)
    assert "can't be reached" in said


def test_a_context_that_is_not_in_the_kubeconfig_ends_with_three(against: Against) -> None:
    code, _, said = against("launch", "--context", "elsewhere")
    assert (code, said.count("\n")) == (3, 1)
    assert "elsewhere" in said
