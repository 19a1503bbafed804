"""A Simulation as the API server has it. No client is needed to read one, so that what is made of it can be pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from simulation_cli.drawing import Timeline
from simulation_core.clock import to_ms
from simulation_core.reasons import Reason

GROUP, VERSION, PLURAL = "simulation-operator.dev", "v1alpha1", "simulations"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RETRY_FAILED, VERIFY = f"{GROUP}/retry-failed", f"{GROUP}/verify"
LONGEST_TOKEN = 256  # what a status takes; the operator cuts off the rest
TERMINAL_PHASES = frozenset({"Completed", "Failed", "Cancelled"})
# Why a Simulation isn't accepted yet. It will be as soon as the administrator, or its owner, has mended that.
AWAITING_ACCEPTANCE = frozenset({Reason.PORTAL_UNKNOWN, Reason.NAMESPACE_NOT_ALLOWED, Reason.TOO_MANY_RECORDS, Reason.MODEL_UNKNOWN})
NOT_SEEN = "not seen by the operator yet"


@dataclass(frozen=True, kw_only=True)
class ClusterSimulation:
    namespace: str
    name: str
    uid: UUID
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    applied: Mapping[str, Any] = field(default_factory=dict)  # the spec as `kubectl apply` last had it; empty: it was never applied
    annotations: Mapping[str, str] = field(default_factory=dict)
    generation: int = 1
    created_ms: int = 0
    deleting: bool = False  # has a deletionTimestamp, which can't be taken back

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ClusterSimulation:
        metadata = body["metadata"]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=UUID(metadata["uid"]),
            spec=body.get("spec") or {},
            status=body.get("status") or {},
            applied=_last_applied(metadata),
            annotations=metadata.get("annotations") or {},
            generation=metadata.get("generation", 1),
            created_ms=moment_ms(metadata["creationTimestamp"]),
            deleting="deletionTimestamp" in metadata,
        )

    @property
    def phase(self) -> str | None:
        """None: the operator hasn't seen it yet."""
        return self.status.get("phase")

    @property
    def ended(self) -> bool:
        """For good, unless somebody asks for a retry: one that was asked for and not taken up yet is still to come."""
        return self.phase in TERMINAL_PHASES and self.pending(RETRY_FAILED) is None

    @property
    def refused(self) -> bool:
        """For good, without ever having been a run: nothing can be asked of it any more."""
        return self.phase == "Failed" and self.condition("Accepted").get("status") == "False"

    @property
    def message(self) -> str:
        return str(self.status.get("message") or NOT_SEEN)

    def condition(self, type_: str) -> Mapping[str, Any]:
        """The condition of that type, or an empty mapping."""
        return next((each for each in self.status.get("conditions", ()) if each["type"] == type_), {})

    def holds(self, type_: str) -> bool | None:
        """What the condition says of the spec as it is now; None: nothing yet."""
        condition = self.condition(type_)
        if condition.get("status") not in {"True", "False"} or condition.get("observedGeneration", self.generation) < self.generation:
            return None
        return bool(condition["status"] == "True")

    def pending(self, annotation: str) -> str | None:
        """The token that was asked for with this annotation and that the operator hasn't acted on yet."""
        handled = {RETRY_FAILED: "handledRetryToken", VERIFY: "handledVerifyToken"}[annotation]
        token = self.annotations.get(annotation, "")[:LONGEST_TOKEN]
        return None if not token or token == self.status.get(handled) or self.refused else token

    def count(self, field_: str) -> int:
        return int(self.status.get(field_) or 0)

    @property
    def total(self) -> int:
        return int(self.status.get("totalRecords") or self.spec.get("totalRecords") or 0)

    @property
    def ended_ms(self) -> int | None:
        condition = self.condition("Finished")
        return moment_ms(condition["lastTransitionTime"]) if self.ended and "lastTransitionTime" in condition else None

    def timeline(self, which: str) -> Timeline | None:
        """ "planned" or "delivered"; None: it has no plan yet, or never gets one."""
        timeline, end_ms = self.status.get("timeline") or {}, self.moment_ms("endTime")
        if not timeline.get(which) or end_ms is None:
            return None
        zone = (self.spec.get("distribution") or {}).get("timeZone", "UTC")
        return Timeline(counts=tuple(timeline[which]), start_ms=moment_ms(timeline["startTime"]), end_ms=end_ms, zone=zone)

    def moment_ms(self, field_: str) -> int | None:
        """A time of the status, in milliseconds since the epoch."""
        return None if (moment := self.status.get(field_)) is None else moment_ms(moment)


def moment_ms(moment: str) -> int:
    return to_ms(datetime.fromisoformat(moment))


def _last_applied(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What kubectl remembers in the object, to know which fields a file no longer sets."""
    try:
        spec = json.loads((metadata.get("annotations") or {}).get(LAST_APPLIED, "{}")).get("spec")
    except (ValueError, AttributeError):  # anybody may write annotations
        return {}
    return spec if isinstance(spec, dict) else {}
