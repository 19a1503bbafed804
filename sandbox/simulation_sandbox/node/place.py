"""Where a pod's files are."""

from __future__ import annotations

import glob
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """The folder of one pod, readable by us alone."""

    folder: Path

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """What the node itself notes: process ids, output of probes and hooks."""
        return self.folder / "run"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def log(self, container: str) -> Path:
        return self.logs / f"{container}.log"

    def make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.volumes, self.home, self.logs, self.run):
            folder.mkdir(exist_ok=True)

    def clear(self) -> None:
        """Removes all but the logs: they are wanted most once the pod is gone."""
        for folder in (self.volumes, self.home, self.run):
            shutil.rmtree(folder, ignore_errors=True)
        self.kubeconfig.unlink(missing_ok=True)


def places_of(pods: Path, *, namespace: str, name: str) -> list[Place]:
    """Of all pods of that name that there were, the latest last."""
    found = pods.glob(f"{glob.escape(namespace)}_{glob.escape(name)}_*")
    return [Place(folder) for folder in sorted(found, key=lambda folder: folder.stat().st_ctime_ns)]


def place_of(pods: Path, *, namespace: str, name: str, uid: str) -> Place:
    """Distinct for two pods of one name, one after the other."""
    return Place(pods / f"{namespace}_{name}_{uid[:8]}")
