"""The custom resource as the operator sees it: its names, and one Simulation as a frozen value taken from the API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

GROUP = "simulation-operator.dev"
VERSION = "v1alpha1"
PLURAL = "simulations"
KIND = "Simulation"
RETRY_FAILED = f"{GROUP}/retry-failed"
ARCHIVE_FINALIZER = f"{GROUP}/archive"
VERIFY = f"{GROUP}/verify"
LONGEST_TOKEN = 256  # what the status takes
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, order=True)
class Key:
    """Which Simulation: a name that is created again has a new uid and is another Simulation."""

    namespace: str
    name: str
    uid: UUID

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name} ({self.uid})"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the metadata of one object says, which a list may bring alone: all but what is planned, and what is shown."""

    key: Key
    generation: int
    deleting: bool = False  # has a deletionTimestamp, which can't be taken back
    finalizers: tuple[str, ...] = ()
    retry_token: str = ""  # wishes of the user's, by annotation; empty: none
    verify_token: str = ""
    version: int = 0  # grows with every write to an object of this kind, whoever's (KEP-5504; it is etcd's revision)

    @property
    def held(self) -> bool:
        """It can't be gone before we let it go: what it created must be archived first."""
        return ARCHIVE_FINALIZER in self.finalizers

    @property
    def asked(self) -> tuple[object, ...]:
        """What is asked for: by the spec, and by other means."""
        return self.generation, self.deleting, self.held, self.retry_token, self.verify_token

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Seen:
        return cls(**_values(metadata))


@dataclass(frozen=True, kw_only=True)
class Simulation(Seen):
    """One whole object from a list or a watch."""

    spec: Mapping[str, Any]
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def to_be_archived(self) -> bool:
        """Read from the object itself: it must count even if this version can't read the rest."""
        return bool(self.spec.get("deletionPolicy") == "Archive")

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Simulation:
        return cls(**_values(body["metadata"]), spec=body.get("spec") or {}, status=body.get("status") or {})


def _values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": Key(metadata["namespace"], metadata["name"], UUID(metadata["uid"])),
        "generation": metadata.get("generation", 1),
        "deleting": "deletionTimestamp" in metadata,
        "finalizers": tuple(metadata.get("finalizers") or ()),
        "retry_token": _token(metadata, RETRY_FAILED),
        "verify_token": _token(metadata, VERIFY),
        "version": int(metadata.get("resourceVersion", 0)),
    }


SETTLED = ("recordsProcessed", "recordsFailed", "recordsSkipped")


def settled_records(status: Mapping[str, Any]) -> int:
    """How many records have an outcome, by what is shown."""
    return sum(status.get(name, 0) for name in SETTLED)


def _token(metadata: Mapping[str, Any], annotation: str) -> str:
    """Anybody may write annotations: what the status or Postgres can't hold is cut off."""
    return str((metadata.get("annotations") or {}).get(annotation, "")).replace("\x00", "")[:LONGEST_TOKEN]
