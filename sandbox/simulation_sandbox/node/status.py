"""The pod's status as the API has it, from the views of its containers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulation_sandbox.node.pod import Phase, Running, State, Terminated, View, Waiting, initialized, phase

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json

HOST_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything a status says, taken at one moment."""

    pod: Json  # as last read, for the conditions that aren't ours
    earlier: Json  # the status last written, for the transition times
    inits: Sequence[View]
    mains: Sequence[View]
    address: str
    now: datetime


@dataclass(frozen=True)
class Condition:
    type: str
    holds: bool
    reason: str = ""
    message: str = ""


def pod_status(seen: Seen) -> Json:
    """Complete but for the fields other components own."""
    now_phase = phase(seen.inits, seen.mains)
    return {
        "phase": str(now_phase),
        "conditions": _with_transitions(_conditions(seen, now_phase), seen),
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "podIP": seen.address,
        "podIPs": [{"ip": seen.address}],
        "startTime": seen.earlier.get("startTime") or timestamp(seen.now),
        "initContainerStatuses": [_container_status(view) for view in seen.inits],
        "containerStatuses": [_container_status(view) for view in seen.mains],
        "observedGeneration": seen.pod["metadata"].get("generation", 0),
    }


def _conditions(seen: Seen, now_phase: Phase) -> list[Condition]:
    completed = now_phase is Phase.SUCCEEDED
    over = "PodCompleted" if completed else "PodFailed" if now_phase is Phase.FAILED else ""
    unready = [view.name for view in seen.mains if not view.ready]
    reason = over or ("ContainersNotReady" if unready else "")
    message = f"containers with unready status: [{' '.join(unready)}]" if unready and not over else ""
    gates_open = all(_holds(seen.pod, gate["conditionType"]) for gate in seen.pod["spec"].get("readinessGates") or ())
    gates_reason = reason or ("" if gates_open else "ReadinessGatesNotReady")
    incomplete = [view.name for view in seen.inits if not view.succeeded]
    return [
        Condition("PodScheduled", True),
        Condition("PodReadyToStartContainers", not over),
        Condition("Initialized", initialized(seen.inits), "ContainersNotInitialized" if incomplete else over, _incomplete(incomplete)),
        Condition("ContainersReady", not unready and not over, reason, message),
        Condition("Ready", not unready and not over and gates_open, gates_reason, message),
    ]


def _incomplete(names: Sequence[str]) -> str:
    return f"containers with incomplete status: [{' '.join(names)}]" if names else ""


def _holds(pod: Json, kind: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def _with_transitions(conditions: Sequence[Condition], seen: Seen) -> list[Json]:
    """A transition time changes only with the condition's status; conditions of other components stay as they are."""
    earlier = {each["type"]: each for each in seen.earlier.get("conditions") or ()}
    ours = {condition.type for condition in conditions}
    foreign = [each for each in (seen.pod.get("status") or {}).get("conditions") or () if each["type"] not in ours]
    return [_condition(condition, earlier.get(condition.type), seen.now) for condition in conditions] + foreign


def _condition(condition: Condition, earlier: Json | None, now: datetime) -> Json:
    status = "True" if condition.holds else "False"
    unchanged = earlier is not None and earlier["status"] == status and earlier.get("lastTransitionTime")
    written: Json = {"type": condition.type, "status": status, "lastTransitionTime": unchanged or timestamp(now)}
    if condition.reason:
        written["reason"] = condition.reason
    if condition.message:
        written["message"] = condition.message
    return written


def _container_status(view: View) -> Json:
    return {
        "name": view.name,
        "image": view.image,
        "imageID": "",
        "containerID": view.container_id,
        "ready": view.ready,
        "started": view.started,
        "restartCount": view.restart_count,
        "state": _state(view.state),
        "lastState": _state(view.last) if view.last else {},
    }


def _state(state: State) -> Json:
    if isinstance(state, Waiting):
        return {"waiting": {"reason": state.reason, "message": state.message}}
    if isinstance(state, Running):
        return {"running": {"startedAt": timestamp(state.started_at)}}
    return {
        "terminated": {
            "exitCode": state.exit_code,
            "reason": state.reason,
            "message": state.message,
            "startedAt": timestamp(state.started_at),
            "finishedAt": timestamp(state.finished_at),
        }
    }


def terminated_from(state: Json) -> Terminated | None:
    """Reads back what `_state` wrote."""
    if "terminated" not in state:
        return None
    written = state["terminated"]
    return Terminated(
        exit_code=written["exitCode"],
        reason=written.get("reason") or "",
        message=written.get("message") or "",
        started_at=moment(written["startedAt"]),
        finished_at=moment(written["finishedAt"]),
    )


def timestamp(when: datetime) -> str:
    """The API keeps whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
