"""The downward API: fields of the pod as text, for env and for files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulation_sandbox.node.errors import NotConfiguredError

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json

PLAIN = {
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.podIP",
}
SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


def field(pod: Json, path: str) -> str:
    """The text at `path`. A label or annotation that isn't there is empty, as with the kubelet."""
    if path in PLAIN:
        return str(_walk(pod, path) or "")
    if path in {"status.podIPs", "status.hostIPs"}:
        return ",".join(each["ip"] for each in _walk(pod, path) or ())
    if path in {"metadata.labels", "metadata.annotations"}:
        return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted((_walk(pod, path) or {}).items()))
    if subscript := SUBSCRIPT.fullmatch(path):
        values = pod["metadata"].get(subscript[1]) or {}
        return str(values.get(subscript[2], ""))
    raise NotConfiguredError(f"fieldRef {path} isn't supported")


def _walk(pod: Json, path: str) -> Any:
    section, _, name = path.partition(".")
    return (pod.get(section) or {}).get(name)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
