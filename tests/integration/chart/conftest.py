"""The chart as Helm renders it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts/simulation-operator"
LEAST = CHART / "ci/values.yaml"


@dataclass(frozen=True)
class Rendered:
    """All objects of a release named `demo` in namespace `crm`."""

    objects: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [thing for thing in self.objects if thing["kind"] == kind]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (thing for thing in self.of_kind(kind) if thing["metadata"]["name"] == name)
        return found

    def pod(self, component: str) -> dict[str, Any]:
        return self.one("Deployment", f"demo-{component}")["spec"]["template"]["spec"]

    def environment(self, component: str) -> dict[str, Any]:
        """Variable → its value, or where it comes from."""
        (container,) = self.pod(component)["containers"]
        return {variable["name"]: variable.get("value", variable.get("valueFrom")) for variable in container["env"]}


class Chart:
    def __init__(self, helm: Path) -> None:
        self.helm = helm

    def run(self, *arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Helm with the least values an installation must give and `values` over them."""
        return self.run_plain(*arguments, "--values", str(LEAST), "--values", "-", stdin=yaml.safe_dump(values or {}))

    def run_plain(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.helm), *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, **values: Any) -> Rendered:
        done = self.run("template", "demo", str(CHART), "--namespace", "crm", values=values)
        assert done.returncode == 0, done.stderr
        return Rendered([document for document in yaml.safe_load_all(done.stdout) if document])

    def refusal(self, **values: Any) -> str:
        done = self.run("template", "demo", str(CHART), values=values)
        assert done.returncode != 0, "Helm took these values"
        return done.stderr


@pytest.fixture(scope="session")
def chart(assets: Any) -> Callable[..., Rendered]:
    return Chart(assets.helm)
