"""The Secrets and ConfigMaps a pod refers to, and a cache that reads each only once in a while however many pods want it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from simulation_sandbox.node.api import ApiAwayError
from simulation_sandbox.node.errors import NotConfiguredError

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Api, Json


class Kind(StrEnum):
    SECRET = "secret"  # noqa: S105 - the kind, as the kubelet's messages call it
    CONFIG_MAP = "configmap"


PLURALS = {Kind.SECRET: "secrets", Kind.CONFIG_MAP: "configmaps"}


@dataclass(frozen=True)
class Reference:
    kind: Kind
    name: str


def references(spec: Json) -> set[Reference]:
    """All that a pod's spec refers to, optional or not."""
    return {*_of_volumes(spec), *_of_env(spec)}


def _of_volumes(spec: Json) -> Iterator[Reference]:
    for volume in spec.get("volumes") or ():
        if "secret" in volume:
            yield Reference(Kind.SECRET, volume["secret"]["secretName"])
        if "configMap" in volume:
            yield Reference(Kind.CONFIG_MAP, volume["configMap"]["name"])
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "secret" in source:
                yield Reference(Kind.SECRET, source["secret"]["name"])
            if "configMap" in source:
                yield Reference(Kind.CONFIG_MAP, source["configMap"]["name"])


def _of_env(spec: Json) -> Iterator[Reference]:
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        sources = [variable.get("valueFrom") or {} for variable in container.get("env") or ()]
        for source in (*sources, *(container.get("envFrom") or ())):
            for key, kind in REFERRING.items():
                if key in source:
                    yield Reference(kind, source[key]["name"])


REFERRING = {
    "secretKeyRef": Kind.SECRET,
    "secretRef": Kind.SECRET,
    "configMapKeyRef": Kind.CONFIG_MAP,
    "configMapRef": Kind.CONFIG_MAP,
}


class Objects:
    """What was found for a pod's references, as bytes by key. Those that don't exist aren't in it."""

    def __init__(self, found: Mapping[Reference, Mapping[str, bytes]]) -> None:
        self._found = found

    def data(self, kind: Kind, name: str, *, optional: bool) -> Mapping[str, bytes]:
        found = self._found.get(Reference(kind, name))
        if found is None and not optional:
            raise NotConfiguredError(f'{kind} "{name}" not found')
        return found or {}

    def value(self, kind: Kind, name: str, key: str, *, optional: bool) -> bytes | None:
        data = self.data(kind, name, optional=optional)
        if key not in data and not optional:
            raise NotConfiguredError(f'couldn\'t find key {key} in {kind} "{name}"')
        return data.get(key)


def data_of(item: Json) -> Mapping[str, bytes]:
    """The content of a Secret or a ConfigMap."""
    plain = item.get("data") or {}
    if item.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in plain.items()}
    binary = {key: base64.b64decode(value) for key, value in (item.get("binaryData") or {}).items()}
    return {key: value.encode() for key, value in plain.items()} | binary


class ObjectCache:
    """Reads an object again once its copy is older than `seconds`; while the API server is away, the last copy counts."""

    def __init__(self, api: Api, *, seconds: float) -> None:
        self._api = api
        self._seconds = seconds
        self._copies: dict[tuple[str, Reference], tuple[float, Mapping[str, bytes] | None]] = {}

    async def objects(self, namespace: str, wanted: set[Reference]) -> Objects:
        found = {reference: await self._read(namespace, reference) for reference in wanted}
        return Objects({reference: data for reference, data in found.items() if data is not None})

    async def _read(self, namespace: str, reference: Reference) -> Mapping[str, bytes] | None:
        copy = self._copies.get((namespace, reference))
        if copy is not None and time.monotonic() < copy[0] + self._seconds:
            return copy[1]
        try:
            item = await self._api.get(f"/api/v1/namespaces/{namespace}/{PLURALS[reference.kind]}/{reference.name}")
        except ApiAwayError:
            if copy is None:
                raise
            return copy[1]
        data = None if item is None else data_of(item)
        self._copies[namespace, reference] = (time.monotonic(), data)
        return data
