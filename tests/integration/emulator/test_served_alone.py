"""`simulation-sandbox hubspot`: tells where it listens, and says in one line why it can't."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from simulation_sandbox.hubspot.server import EmulatorServer

COMMAND = Path(sys.executable).with_name("simulation-sandbox")


def test_it_tells_its_address_and_ends_in_good_order() -> None:
    with subprocess.Popen([COMMAND, "hubspot"], stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert httpx.get(f"{url}_emulator/summary", trust_env=False).is_success
        process.terminate()
        assert process.wait(15) == 0


@pytest.mark.parametrize("port", ["taken", "80000"])
def test_a_port_it_cannot_have_is_one_line(port: str, hubspot: EmulatorServer) -> None:
    asked = hubspot.url.rpartition(":")[2] if port == "taken" else port
    done = subprocess.run([COMMAND, "hubspot", "--port", asked], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"can't listen on 127.0.0.1:{asked}" in done.stderr
