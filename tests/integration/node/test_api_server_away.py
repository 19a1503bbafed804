"""The API server comes and goes; the pods' processes go on, and what happened meanwhile is caught up with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from simulation_sandbox.assets import Assets
from simulation_sandbox.controlplane import ControlPlane
from simulation_sandbox.node.node import ProcessNode, Timing

POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


@pytest.fixture
def own_control_plane(tmp_path: Path, assets: Assets) -> Iterator[ControlPlane]:
    server = ControlPlane(tmp_path / "control-plane", assets, durable=False)
    server.start()
    yield server
    server.remove()


def test_a_restart_of_the_api_server_disturbs_no_pod(own_control_plane: ControlPlane, tmp_path: Path, quick: Timing, pods_of: Any) -> None:
    node = ProcessNode(own_control_plane.kubeconfig, tmp_path / "node", Path(sys.executable).parent, "sandbox", timing=quick)
    node.start()
    try:
        with config.new_client_from_config(str(own_control_plane.kubeconfig)) as client:
            pods = pods_of(client, "default", "sandbox")
            pods.create("before", pods.shell(POLITE))
            pods.create("ends-meanwhile", pods.shell(f"trap 'exit 4' USR1; echo $$$$; {POLITE}"), restartPolicy="Never")
            pods.wait_ready("before")
            pods.wait_ready("ends-meanwhile")
            process = int(pods.wait_log("ends-meanwhile", "\n"))
            own_control_plane.stop()
            os.kill(process, signal.SIGUSR1)
            own_control_plane.start()
            pods.wait_phase("ends-meanwhile", "Failed")
            pods.create("after", pods.shell(POLITE))
            pods.wait_ready("after")
            assert pods.container(pods.get("before"))["restartCount"] == 0
    finally:
        node.stop()
