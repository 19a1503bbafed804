"""Taking a Simulation on: one insert-if-absent by Postgres's clock, before anything else happens for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from simulation_core.clock import from_ms, iso_ms, to_ms
from simulation_core.errors import UserUnknownError
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.holding import HOLD_RUN
from simulation_core.ledger.rows import SELECT_RUNS, runs_by_id, to_runs
from simulation_core.ledger.sql import NOW_MS
from simulation_core.ledger.trips import in_trips, prepared
from simulation_core.ledger.values import Run, RunState, Status
from simulation_core.reasons import Reason
from simulation_core.spec import Spec, parse_spec

# The comment that migration 0001 leaves on a users table of its own.
USERS_MARK = "created by simulation-operator"

_KNOWN = prepared(f"{SELECT_RUNS} WHERE s.id = :id")
_NOW_AND_USER = prepared(f"""
SELECT {NOW_MS} AS now_ms, EXISTS (SELECT FROM users WHERE id = :user_id) AS user_known,
       obj_description(to_regclass('users'), 'pg_class') IS NOT DISTINCT FROM :mark AS users_are_ours
""")  # noqa: S608 - a constant
_INSERT_USER = prepared("INSERT INTO users (id) VALUES (:user_id) ON CONFLICT DO NOTHING")
# Guarantees: whoever accepts first decides; everyone else finds that row.
_INSERT_RUN = prepared("""
INSERT INTO simulations (id, user_id, status, start_time, end_time, scenario, distribution_method, total_records,
                         namespace, name, seed, portal, spec, plan_version, tolerance_milliseconds, reason, message, finished_at)
VALUES (:id, :user_id, :status, :start_time, :end_time, :scenario, :method, :total_records,
        :namespace, :name, :seed, :portal, CAST(:spec AS jsonb), :plan_version, :tolerance, :reason, :message,
        CASE WHEN :finished THEN statement_timestamp() END)
ON CONFLICT (id) DO NOTHING
""")
_INSERT_CONTROL = prepared("INSERT INTO simulation_control (simulation_id, run_state) VALUES (:id, :run_state) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, kw_only=True)
class _Beginning:
    """How a run is born. A window that passed is FAILED at once, never caught up."""

    status: Status
    run_state: RunState
    start_ms: int | None
    end_ms: int | None
    reason: Reason | None = None
    message: str | None = None


def accept(  # noqa: PLR0913 - the row's birth certificate: each is a column, and a class for one call would only rename them
    engine: Engine,
    *,
    id: UUID,  # noqa: A002 - the column's name, and the word for it everywhere
    namespace: str,
    name: str,
    spec: Mapping[str, Any],
    parsed: Spec,
    seed: int,
    default_user_id: UUID,
    lead_ms: int,
    plan_version: int,
) -> Run:
    """The run as it stands in the ledger, new or from an earlier acceptance (which then decides alone).

    The start is the spec's, else now plus `lead_ms`; it stays None for a run that is suspended and names none.
    Raises UserUnknownError where the users table is the installation's own and hasn't the user.
    """
    # Asked before, in a transaction of its own: whoever is accepted meanwhile is found by the insert.
    user = {"user_id": parsed.user_id or default_user_id}
    known, answer = in_trips(engine, [(_KNOWN, {"id": id}), (_NOW_AND_USER, {**user, "mark": USERS_MARK})])
    if found := to_runs(known):
        return found[0]
    ((now_ms, user_known, users_are_ours),) = answer.rows
    if not (user_known or users_are_ours):
        raise UserUnknownError(
            f"spec.userId: {user['user_id']} is not in the users table of this installation: add the user, or name another"
        )
    beginning = _begin(parsed, now_ms=now_ms, lead_ms=lead_ms)
    values = {
        **user,
        "id": id,
        "status": beginning.status,
        "start_time": _moment(beginning.start_ms),
        "end_time": _moment(beginning.end_ms),
        "scenario": parsed.scenario.value,
        "method": parsed.distribution.method.value,
        "total_records": parsed.total_records,
        "namespace": namespace,
        "name": name,
        "seed": seed,
        "portal": parsed.portal,
        "spec": json.dumps({**spec, **_with_defaults(parsed)}),
        "plan_version": plan_version,
        "tolerance": parsed.tolerance_milliseconds,
        "reason": beginning.reason,
        "message": beginning.message,
        "finished": beginning.status.terminal,
    }
    new_user = [] if user_known else [(_INSERT_USER, user)]
    control = (_INSERT_CONTROL, {"id": id, "run_state": beginning.run_state})
    *_, accepted = in_trips(engine, [*new_user, (_INSERT_RUN, values), control, (_KNOWN, {"id": id})])
    return to_runs(accepted)[0]


def resolve_start(engine: Engine, id: UUID, lead_ms: int) -> Run:  # noqa: A002 - as in accept
    """At the first resume of a run that named no start: now plus `lead_ms`. A start that is resolved never moves.

    A window that passed meanwhile makes the run FAILED with WindowPassed. KeyError for an unknown id.
    """
    with transaction(engine) as connection:
        connection.execute(HOLD_RUN, {"id": id})  # first, as everywhere: nobody resumes, cancels or claims meanwhile
        run = runs_by_id(connection, [id])[id]
        if run.start_ms is not None or run.status.terminal:
            return run
        window = _window(parse_spec(run.spec), now_ms=_now_ms(connection), lead_ms=lead_ms)
        connection.execute(
            text("""
                UPDATE simulations SET start_time = :start_time, end_time = :end_time, updated_at = statement_timestamp(),
                       status = CASE WHEN :passed THEN 'FAILED' ELSE status END,
                       reason = :reason, message = :message,
                       finished_at = CASE WHEN :passed THEN statement_timestamp() END
                WHERE id = :id AND start_time IS NULL
            """),
            {
                "id": id,
                "start_time": _moment(window.start_ms),
                "end_time": _moment(window.end_ms),
                "passed": window.passed,
                "reason": Reason.WINDOW_PASSED if window.passed else None,
                "message": window.message if window.passed else None,
            },
        )
        return runs_by_id(connection, [id])[id]


@dataclass(frozen=True, kw_only=True)
class _Window:
    start_ms: int
    end_ms: int
    now_ms: int

    @property
    def passed(self) -> bool:
        return self.end_ms <= max(self.now_ms, self.start_ms)

    @property
    def message(self) -> str:
        return f"The window ended at {iso_ms(self.end_ms)}, before the run could start: create a Simulation with a later end."


def _window(spec: Spec, *, now_ms: int, lead_ms: int) -> _Window:
    start_ms = _next_start(spec, now_ms=now_ms, lead_ms=lead_ms) if spec.start_time is None else to_ms(spec.start_time)
    return _Window(start_ms=start_ms, end_ms=start_ms + spec.window_ms(start_ms), now_ms=now_ms)


def _next_start(spec: Spec, *, now_ms: int, lead_ms: int) -> int:
    """After the lead; but of what is left before an endTime, the lead takes half at most, so that a window remains."""
    if spec.end_time is None:
        return now_ms + lead_ms
    left_ms = max(0, to_ms(spec.end_time) - now_ms)
    return now_ms + min(lead_ms, left_ms // 2)


def _begin(spec: Spec, *, now_ms: int, lead_ms: int) -> _Beginning:
    window = _window(spec, now_ms=now_ms, lead_ms=lead_ms)
    unresolved = spec.suspend and spec.start_time is None
    end_passed = spec.end_time is not None and to_ms(spec.end_time) <= now_ms
    start_ms = None if unresolved else window.start_ms
    end_ms = None if unresolved and spec.end_time is None else window.end_ms
    if end_passed or (window.passed and not unresolved):
        return _Beginning(
            status=Status.FAILED,
            run_state=RunState.RUNNING,
            start_ms=start_ms,
            end_ms=end_ms,
            reason=Reason.WINDOW_PASSED,
            message=window.message,
        )
    if spec.cancel:
        return _Beginning(status=Status.CANCELLED, run_state=RunState.CANCELLED, start_ms=start_ms, end_ms=end_ms)
    if spec.suspend:
        return _Beginning(status=Status.SUSPENDED, run_state=RunState.SUSPENDED, start_ms=start_ms, end_ms=end_ms)
    return _Beginning(status=Status.PLANNING, run_state=RunState.RUNNING, start_ms=start_ms, end_ms=end_ms)


def _with_defaults(spec: Spec) -> dict[str, Any]:
    """As JSON that parses again: pydantic would write microseconds, which the CRD's pattern refuses."""
    moments = {"startTime": spec.start_time, "endTime": spec.end_time}
    return {
        **spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        **{field: iso_ms(to_ms(moment)) for field, moment in moments.items() if moment is not None},
    }


def _now_ms(connection: Connection) -> int:
    return int(connection.execute(text(f"SELECT {NOW_MS}")).scalar_one())


def _moment(milliseconds: int | None) -> Any:
    return None if milliseconds is None else from_ms(milliseconds)
