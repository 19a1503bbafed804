"""kubectl, as a user would run it, in one sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from simulation_sandbox.errors import SandboxError


class Kubectl:
    """Runs kubectl with the sandbox's kubeconfig; what it prints on standard error becomes the SandboxError."""

    def __init__(self, kubeconfig: Path) -> None:
        self._program = Path(sys.executable).with_name("kubectl")
        self._env = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def __call__(self, *arguments: str, within_seconds: float = 60) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - a list, never a shell
                [self._program, *arguments], env=self._env, capture_output=True, text=True, timeout=within_seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise SandboxError(f"kubectl {arguments[0]} still runs after {within_seconds:g} s") from None
        if done.returncode != 0:
            raise SandboxError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("get", kind, name, "-o", "json"))
        return found
