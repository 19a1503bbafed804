"""What the files of a pod's volumes should be. Pure: writing them is projection.py's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation_sandbox.node.errors import NotConfiguredError
from simulation_sandbox.node.fields import field
from simulation_sandbox.node.objects import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.objects import Objects

DEFAULT_MODE = 0o644
DEFAULT_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class File:
    content: bytes
    mode: int


Files = Mapping[str, File]  # by path below the volume


@dataclass(frozen=True)
class TokenWish:
    """A service-account token as a projected volume asks for it; no audience means the API server."""

    audience: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that files can be made of."""

    pod: Json
    objects: Objects
    tokens: Mapping[TokenWish, str]


def is_projection(volume: Json) -> bool:
    """Whether the node writes its files, other than an emptyDir or a folder of the machine."""
    return any(kind in volume for kind in ("secret", "configMap", "downwardAPI", "projected"))


def token_wishes(spec: Json) -> set[TokenWish]:
    sources = (source for volume in spec.get("volumes") or () for source in (volume.get("projected") or {}).get("sources") or ())
    return {wish_of(source["serviceAccountToken"]) for source in sources if "serviceAccountToken" in source}


def wish_of(source: Json) -> TokenWish:
    return TokenWish(source.get("audience", ""), source.get("expirationSeconds", DEFAULT_TOKEN_SECONDS))


def files(volume: Json, sources: Sources) -> Files:
    """The files of a projection. NotConfiguredError if something it needs isn't there."""
    if "secret" in volume:
        return _of_object(Kind.SECRET, volume["secret"]["secretName"], volume["secret"], _mode(volume["secret"]), sources.objects)
    if "configMap" in volume:
        return _of_object(Kind.CONFIG_MAP, volume["configMap"]["name"], volume["configMap"], _mode(volume["configMap"]), sources.objects)
    if "downwardAPI" in volume:
        return dict(_of_fields(volume["downwardAPI"], _mode(volume["downwardAPI"]), sources.pod))
    projected = volume["projected"]
    merged: dict[str, File] = {}
    for source in projected.get("sources") or ():
        merged.update(_of_source(source, _mode(projected), sources))
    return merged


def _of_source(source: Json, mode: int, sources: Sources) -> Files:
    if "secret" in source:
        return _of_object(Kind.SECRET, source["secret"]["name"], source["secret"], mode, sources.objects)
    if "configMap" in source:
        return _of_object(Kind.CONFIG_MAP, source["configMap"]["name"], source["configMap"], mode, sources.objects)
    if "downwardAPI" in source:
        return dict(_of_fields(source["downwardAPI"], mode, sources.pod))
    if "serviceAccountToken" in source:
        token = source["serviceAccountToken"]
        return {token["path"]: File(sources.tokens[wish_of(token)].encode(), mode)}
    raise NotConfiguredError(f"projected source {', '.join(source)} isn't supported by the process node")


def _mode(volume: Json) -> int:
    mode: int = volume.get("defaultMode", DEFAULT_MODE)
    return mode


def _of_object(kind: Kind, name: str, source: Json, mode: int, objects: Objects) -> Files:
    """All keys, or only `items`, each at its own path and mode."""
    optional = source.get("optional", False)
    data = objects.data(kind, name, optional=optional)
    items = source.get("items")
    if not items:
        return {key: File(content, mode) for key, content in data.items()}
    found = ((item, objects.value(kind, name, item["key"], optional=optional)) for item in items)
    return {item["path"]: File(content, item.get("mode", mode)) for item, content in found if content is not None}


def _of_fields(source: Json, mode: int, pod: Json) -> Iterator[tuple[str, File]]:
    for item in source.get("items") or ():
        if "fieldRef" not in item:
            raise NotConfiguredError(f"downwardAPI {item['path']}: only fieldRef is supported by the process node")
        yield item["path"], File(field(pod, item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode))
