"""What a container did before: its ends, its back-off, and what a status written by an earlier node says about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.node.pod import KILLED_CODE, BackOff, Policy, Terminated
from simulation_sandbox.node.status import moment, terminated_from

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json

MESSAGE_LINES = 20
MESSAGE_BYTES = 2048


@dataclass(kw_only=True)
class History:
    """Changes only when the container ends and when it begins again."""

    policy: Policy
    back_off: BackOff
    restart_count: int = 0
    last: Terminated | None = None  # the latest end, whether or not it was for good
    before_last: Terminated | None = None
    ends_in_a_row: int = 0

    @classmethod
    def adopt(cls, earlier: Json | None, *, policy: Policy, back_off: BackOff) -> History:
        """Goes on where an earlier node's status stopped: what ran then was killed with that node."""
        history = cls(policy=policy, back_off=back_off)
        if earlier is not None:
            state = earlier.get("state") or {}
            history.restart_count = earlier.get("restartCount", 0)
            history.before_last = terminated_from(earlier.get("lastState") or {})
            history.last = terminated_from(state) or _killed_with_its_node(state) or history.before_last
        return history

    @property
    def final(self) -> bool:
        return self.last is not None and not self.policy.restarts(self.last.exit_code)

    def begins(self) -> None:
        if self.last is not None:
            self.restart_count += 1
            self.before_last = self.last

    def ends(self, end: Terminated) -> float:
        """How many seconds the next start must wait."""
        ran_seconds = (end.finished_at - end.started_at).total_seconds()
        self.ends_in_a_row = 1 if ran_seconds >= self.back_off.forgotten_after_seconds else self.ends_in_a_row + 1
        self.last = end
        return self.back_off.delay(self.ends_in_a_row)


def ended(exit_code: int, *, started_at: datetime, message: str = "", reason: str = "") -> Terminated:
    """A container that ended just now."""
    usual = "Completed" if exit_code == 0 else "Error"
    return Terminated(
        exit_code=exit_code,
        reason=reason or usual,
        message=message,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _killed_with_its_node(state: Json) -> Terminated | None:
    if "running" not in state:
        return None
    started = moment(state["running"]["startedAt"])
    return ended(KILLED_CODE, started_at=started, reason="ContainerStatusUnknown", message="ended with the process node that ran it")


def last_words(log: Path, since: int) -> str:
    """The last lines a run wrote, short enough for a status. `since`: where in the log the run began."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - MESSAGE_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-MESSAGE_LINES:])
