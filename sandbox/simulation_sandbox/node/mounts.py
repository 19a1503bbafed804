"""Mount paths become folders of the pod: there is no mount namespace, so texts that name a mount path are rewritten instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from simulation_sandbox.node.env import expand
from simulation_sandbox.node.errors import NotConfiguredError
from simulation_sandbox.node.volumes import is_projection

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.place import Place

CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount"

Mounts = Mapping[str, Path]  # mount path in the container → path on this machine


def mounts(container: Json, spec: Json, place: Place, env: Mapping[str, str]) -> Mounts:
    """Where each mount path of the container is on this machine."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or ()}
    found: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or ():
        sub_path = mount.get("subPath") or expand(mount.get("subPathExpr", ""), env)
        if ".." in PurePosixPath(sub_path).parts or sub_path.startswith("/"):
            raise NotConfiguredError(f"subPath {sub_path!r} leaves its volume")
        volume = volumes[mount["name"]]
        root = root_of(volume, place)
        found[_normal(mount["mountPath"])] = root / sub_path
        if "emptyDir" in volume:
            (root / sub_path).mkdir(parents=True, exist_ok=True)
    return found


def root_of(volume: Json, place: Place) -> Path:
    """The folder that holds the volume's files."""
    if "hostPath" in volume:
        return Path(volume["hostPath"]["path"])
    if "emptyDir" in volume or is_projection(volume):
        return place.volumes / str(volume["name"])
    kinds = ", ".join(sorted(set(volume) - {"name"})) or "none"
    raise NotConfiguredError(f"volume {volume['name']}: its type ({kinds}) isn't supported by the process node")


def rewrite(text: str, places: Mounts) -> str:
    """Replaces each mount path where it stands as a path of its own or begins one; the longest wins.

    `/etc/app` is found in `--file=/etc/app/a` and `file:///etc/app`, not in `/etc/apple`, `/my/etc/app` or `host/etc/app`.
    """
    if not places:
        return text
    longest_first = sorted(places, key=len, reverse=True)
    pattern = rf"(?:(?<![\w./-])|(?<=://))(?:{'|'.join(map(re.escape, longest_first))})(?![\w-]|\.\w)"
    return re.sub(pattern, lambda match: str(places[match[0]]), text)


def _normal(path: str) -> str:
    return str(PurePosixPath(path))
