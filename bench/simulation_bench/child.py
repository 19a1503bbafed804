"""A measurement in a process of its own: its peak memory is its own, and it starts as cold as any other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def measured(module: str, **arguments: object) -> Mapping[str, Any]:
    """What `module`'s main prints for these arguments, as JSON. Raises CalledProcessError where it fails."""
    done = subprocess.run(command(module, **arguments), check=True, stdout=subprocess.PIPE, text=True)
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def command(module: str, **arguments: object) -> list[str]:
    """Of the child process; what it prints is its answer."""
    return [sys.executable, "-m", module, json.dumps({name: str(value) for name, value in arguments.items()})]


def arguments() -> Mapping[str, str]:
    """What the parent gave, in the child."""
    given: Mapping[str, str] = json.loads(sys.argv[1])
    return given


def answer(**values: float) -> None:
    print(json.dumps(values))
