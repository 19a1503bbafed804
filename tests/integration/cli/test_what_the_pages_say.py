"""Commands of the how-to pages, with the real kubectl."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = Path(__file__).parents[3] / "docs/how-to/after-a-run.md"
VERIFY = "simulation-operator.dev/verify"
OF_A_WATCH = re.compile(r"I\d{4} .* reflector\.go:")  # kubectl logs that a watch, which it ends itself, has ended


def the_steps() -> str:
    """How to verify with kubectl alone."""
    lines = [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    ")]
    begin = lines.index('token="$(date +%s)"')
    return "\n".join(lines[begin : begin + 5])


@pytest.fixture
def context(control_plane: Path, namespace: str, tmp_path: Path) -> Path:
    content = yaml.safe_load(control_plane.read_text())
    content["contexts"][0]["context"]["namespace"] = namespace
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    return tmp_path / "kubeconfig"


def test_verifying_with_kubectl_alone_waits_for_the_new_answer(cluster: Any, context: Path) -> None:
    def answer(token: str, message: str) -> None:
        verified = {"type": "Verified", "status": "True", "reason": "Verified", "message": message}
        cluster.show("spring-launch", "Completed", conditions=[verified], handledVerifyToken=token)

    def operator() -> None:
        until_s = time.monotonic() + 60
        while (token := cluster.get("spring-launch")["metadata"].get("annotations", {}).get(VERIFY)) is None:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        threading.Event().wait(1)  # in which a wait for the condition alone would have ended
        answer(token, "of today")

    cluster.create("spring-launch")
    answer("before", "of yesterday")
    acting = threading.Thread(target=operator)
    acting.start()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "KUBECONFIG": str(context)}
    ended = subprocess.run(["bash", "-euc", the_steps()], env=environment, capture_output=True, text=True, timeout=90, check=False)
    acting.join()
    said = [line for line in ended.stderr.splitlines() if not OF_A_WATCH.match(line)]
    assert (ended.returncode, said) == (0, [])
    assert ended.stdout.endswith("of today")


def test_each_wait_of_the_page_says_how_long() -> None:
    """kubectl's own default is 30 seconds."""
    waits = [line for line in PAGE.read_text().splitlines() if line.strip().startswith("kubectl wait")]
    assert waits
    assert all("--timeout=" in line for line in waits)
