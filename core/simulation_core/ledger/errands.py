"""Errands: what workers do for a run besides delivering it, such as verifying or archiving it. Offered, claimed and ended like batches.

A row is one errand: of a kind, for a run, and where the kind takes a run in parts for one of them. It is claimed under a fence and a
lease, keeps how far it has come, and so may be gone on with by another worker after any crash.
"""

# ruff: noqa: S608 - only constants of ledger.sql are put into statements; values are always bound

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.messages import storable
from simulation_core.ledger.rows import runs_by_id
from simulation_core.ledger.sql import CLAIMED, DONE, IN_INDEX_ORDER, PENDING, after_ms, to_ms
from simulation_core.ledger.values import ClaimRequest, Early, ErrandState, Offer, Refused, Run
from simulation_core.reasons import Reason


class ErrandFence(NamedTuple):
    """What a worker holds after a claim. All that it writes is refused once the attempt differs or the claim was ended."""

    simulation_id: UUID
    kind: str
    number: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One that this worker may carry out until its lease ends."""

    fence: ErrandFence
    run: Run
    token: str
    progress: Mapping[str, Any]
    crashes: int  # attempts in a row whose worker died or met a fault of its own, this one not included
    lease_ms: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """It is carried out; `result` is what came of it."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Later:
    """Another attempt goes on with it, no sooner than `wait_ms` from now. With a reason, that is what it waits for."""

    wait_ms: int = 0
    reason: Reason | None = None
    message: str = ""
    crashed: bool = False


ErrandEnd = Done | Later


# Guarantees: the same wish twice is one errand; another wish begins it anew, and whoever still carries out the old one loses its fence.
ASK = f"""
INSERT INTO errands AS e (simulation_id, kind, number, token, not_before)
VALUES (:simulation, :kind, :number, :token, {after_ms("CAST(:wait_ms AS bigint)")})
ON CONFLICT (simulation_id, kind, number) DO UPDATE SET
    token = excluded.token, state = {PENDING}, attempt = e.attempt + 1, not_before = excluded.not_before, lease_until = NULL, crashes = 0,
    progress = '{{}}', reason = NULL, message = NULL, asked_at = statement_timestamp()
WHERE e.token <> excluded.token
"""

_ABANDONED = f"e.state = {CLAIMED} AND e.lease_until <= statement_timestamp()"

# Of each portal and kind the earliest: a portal that isn't served keeps no other one waiting. What is done isn't read, nor what waits for
# longer: both may be many times as much (errands_open).
OFFERS = f"""
SELECT kind, simulation_id, number, attempt + 1 AS attempt, portal, due_ms
FROM (
    SELECT e.kind, e.simulation_id, e.number, e.attempt, s.portal, {to_ms("coalesce(e.lease_until, e.not_before)")} AS due_ms,
           row_number() OVER (PARTITION BY e.kind, s.portal ORDER BY e.not_before, e.simulation_id, e.number) AS turn
    FROM errands e JOIN simulations s ON s.id = e.simulation_id
    WHERE e.state <> 2 AND e.not_before <= {after_ms(":horizon_ms")} AND (e.state = {PENDING} OR ({_ABANDONED}))
      AND s.portal = ANY(CAST(:portals AS text[]))
) o WHERE turn <= :limit ORDER BY due_ms, simulation_id, number
"""

# Guarantees: of any number of claims for an errand and attempt one succeeds, and none before its moment, by Postgres's clock.
CLAIM = f"""
UPDATE errands e SET state = {CLAIMED}, attempt = e.attempt + 1, lease_until = {after_ms("CAST(:lease_ms AS bigint)")},
       crashes = e.crashes + CASE WHEN e.state = {CLAIMED} THEN 1 ELSE 0 END
WHERE e.simulation_id = :simulation AND e.kind = :kind AND e.number = :number AND e.attempt + 1 = :attempt
  AND ((e.state = {PENDING} AND e.not_before <= statement_timestamp()) OR ({_ABANDONED}))
RETURNING e.token, e.progress, e.crashes
"""
LOOK = f"""
SELECT CASE WHEN state = {PENDING} AND attempt + 1 = :attempt THEN {to_ms("not_before")} - {to_ms("statement_timestamp()")} END
FROM errands WHERE simulation_id = :simulation AND kind = :kind AND number = :number
"""

# Guarantees: only the holder of a claim changes anything.
GUARD = f"simulation_id = :simulation AND kind = :kind AND number = :number AND attempt = :attempt AND state = {CLAIMED}"
RENEW = f"""
UPDATE errands SET lease_until = {after_ms("CAST(:lease_ms AS bigint)")} WHERE {GUARD} AND lease_until > statement_timestamp()
"""
SAVE = f"UPDATE errands SET progress = CAST(:progress AS jsonb) WHERE {GUARD}"
FINISH = f"""
UPDATE errands SET state = {DONE}, lease_until = NULL, crashes = 0, result = CAST(:result AS jsonb), reason = NULL, message = NULL,
       done_at = statement_timestamp()
WHERE {GUARD}
"""
PUT_OFF = f"""
UPDATE errands SET state = {PENDING}, lease_until = NULL, crashes = CASE WHEN :crashed THEN crashes + 1 ELSE 0 END,
       not_before = {after_ms("CAST(:wait_ms AS bigint)")}, reason = :reason, message = :message
WHERE {GUARD}
"""


def ask(engine: Engine, simulation_id: UUID, kind: str, *, token: str = "", number: int = 0, wait_ms: int = 0) -> bool:
    """Wants it carried out. False: that was asked for already, under the same token."""
    with transaction(engine) as connection:
        return ask_within(connection, simulation_id, kind, token=token, number=number, wait_ms=wait_ms)


def ask_within(connection: Connection, simulation_id: UUID, kind: str, *, token: str = "", number: int = 0, wait_ms: int = 0) -> bool:
    """As a part of the caller's transaction."""
    values = {"simulation": simulation_id, "kind": kind, "number": number, "token": token, "wait_ms": wait_ms}
    return connection.execute(text(ASK), values).rowcount == 1


def drop(engine: Engine, simulation_id: UUID, kind: str) -> bool:
    """Nobody wants it any more: whoever carries it out loses its fence. False: there was none."""
    with transaction(engine) as connection:
        values = {"simulation": simulation_id, "kind": kind}
        return connection.execute(text("DELETE FROM errands WHERE simulation_id = :simulation AND kind = :kind"), values).rowcount > 0


def offers(engine: Engine, *, portals: Collection[str], horizon_ms: int, limit: int) -> dict[str, list[Offer]]:
    """What should be in Redis, by kind: `limit` of each portal and kind at most. May be offered again at any time without harm."""
    with transaction(engine) as connection:
        connection.execute(text(IN_INDEX_ORDER))
        rows = connection.execute(text(OFFERS), {"portals": list(portals), "horizon_ms": horizon_ms, "limit": limit}).all()
    found: dict[str, list[Offer]] = {}
    for kind, simulation_id, number, attempt, portal, due_ms in rows:
        offer = Offer(simulation_id=simulation_id, batch=number, attempt=attempt, portal=portal, due_ms=due_ms)
        found.setdefault(kind, []).append(offer)
    return found


def claim(engine: Engine, kind: str, request: ClaimRequest, *, lease_ms: int) -> Errand | Early | Refused:
    """`request.batch` is the errand's number."""
    fence = ErrandFence(request.simulation_id, kind, request.batch, request.attempt)
    with transaction(engine) as connection:
        row = connection.execute(text(CLAIM), {**named(fence), "lease_ms": lease_ms}).one_or_none()
        if row is None:
            remaining_ms = connection.scalar(text(LOOK), named(fence))
            if remaining_ms is not None and remaining_ms > 0:
                return Early(request=request, remaining_ms=remaining_ms)
            return Refused(request=request, why="it is done, stale, or claimed by another")
        run = runs_by_id(connection, [request.simulation_id])[request.simulation_id]
    return Errand(fence=fence, run=run, token=row.token, progress=row.progress, crashes=row.crashes, lease_ms=lease_ms)


def renew(engine: Engine, fence: ErrandFence, lease_ms: int) -> bool:
    """Whether the claim now lasts `lease_ms` from here. False: do nothing more for it."""
    return _guarded(engine, RENEW, fence, lease_ms=lease_ms)


def save(engine: Engine, fence: ErrandFence, progress: Mapping[str, Any]) -> bool:
    """From where another attempt would go on. False: the fence is lost."""
    return _guarded(engine, SAVE, fence, progress=json.dumps(dict(progress)))


def end(engine: Engine, fence: ErrandFence, how: ErrandEnd) -> bool:
    """False: the fence is lost; whoever holds it now ends it."""
    if isinstance(how, Done):
        return _guarded(engine, FINISH, fence, result=json.dumps(dict(how.result)))
    reason = None if how.reason is None else how.reason.value
    message = storable(how.message) or None
    return _guarded(engine, PUT_OFF, fence, wait_ms=how.wait_ms, crashed=how.crashed, reason=reason, message=message)


def states(connection: Connection, ids: Sequence[UUID], kinds: Sequence[str]) -> dict[UUID, dict[str, ErrandState]]:
    """Of the kinds that take a run as a whole (number 0), by run and kind."""
    rows = connection.execute(
        text(f"""
            SELECT *, state = {DONE} AS is_done, {to_ms("done_at")} AS done_ms FROM errands
            WHERE simulation_id = ANY(CAST(:ids AS uuid[])) AND kind = ANY(CAST(:kinds AS text[])) AND number = 0
        """),
        {"ids": list(ids), "kinds": list(kinds)},
    )
    found: dict[UUID, dict[str, ErrandState]] = {}
    for row in rows.mappings():
        found.setdefault(row["simulation_id"], {})[row["kind"]] = ErrandState(
            token=row["token"],
            done=row["is_done"],
            progress=row["progress"],
            result=row["result"],
            reason=row["reason"],
            message=row["message"] or "",
            done_ms=row["done_ms"],
        )
    return found


def _guarded(engine: Engine, statement: str, fence: ErrandFence, **values: Any) -> bool:
    with transaction(engine) as connection:
        return connection.execute(text(statement), {**named(fence), **values}).rowcount == 1


def named(fence: ErrandFence) -> dict[str, Any]:
    """As GUARD names it."""
    return {"simulation": fence.simulation_id, "kind": fence.kind, "number": fence.number, "attempt": fence.attempt}
