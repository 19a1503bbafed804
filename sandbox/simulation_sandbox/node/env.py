"""A container's environment, exactly as its pod says it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulation_sandbox.node.errors import NotConfiguredError
from simulation_sandbox.node.fields import field
from simulation_sandbox.node.objects import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.objects import Objects

EXPANSION = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value, or stays if there is none; `$$` becomes `$`, so that `$$(NAME)` stays as `$(NAME)`."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return EXPANSION.sub(replace, text)


def environment(container: Json, pod: Json, objects: Objects) -> dict[str, str]:
    """envFrom first, then env in its order: a later one wins, and may refer to earlier ones."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        variables.update(_from_whole_object(source, objects))
    for variable in container.get("env") or ():
        value = _value(variable, pod, objects, variables)
        if value is not None:
            variables[variable["name"]] = value
    return variables


def _from_whole_object(source: Json, objects: Objects) -> Iterable[tuple[str, str]]:
    kind, reference = (Kind.SECRET, source["secretRef"]) if "secretRef" in source else (Kind.CONFIG_MAP, source["configMapRef"])
    data = objects.data(kind, reference["name"], optional=reference.get("optional", False))
    return [(source.get("prefix", "") + key, _text(value)) for key, value in data.items()]


def _value(variable: Json, pod: Json, objects: Objects, earlier: Mapping[str, str]) -> str | None:
    """None: optional and absent."""
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", earlier)
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    for key, kind in (("secretKeyRef", Kind.SECRET), ("configMapKeyRef", Kind.CONFIG_MAP)):
        if key in source:
            reference = source[key]
            value = objects.value(kind, reference["name"], reference["key"], optional=reference.get("optional", False))
            return None if value is None else _text(value)
    raise NotConfiguredError(f"env {variable['name']}: {', '.join(source)} isn't supported by the process node")


def _text(value: bytes) -> str:
    """Env is bytes to the kernel: what isn't UTF-8 comes through unchanged."""
    return value.decode(errors="surrogateescape")
