"""What workers tell about portals, for the operator's conditions: why one isn't served now, and which account it is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.messages import storable
from simulation_core.reasons import Reason

# A worker repeats a problem for as long as it has it. One that nobody repeated for this long after its `until` is over, or its worker is.
FORGOTTEN_AFTER = "5 minutes"

# Guarantees: one problem a portal, the one that lasts longest: several slots and workers report at once what they met, in any order, and a
# passing failure must not stand for a rejected token. `since` stays while the reason stays, whoever reports it.
REPORT = """
INSERT INTO portal_problems (portal, reason, message, since, until)
VALUES (:portal, :reason, :message, statement_timestamp(),
        statement_timestamp() + CAST(:retry_after_ms AS bigint) * interval '1 millisecond')
ON CONFLICT (portal) DO UPDATE SET
    reason = excluded.reason, message = excluded.message, until = excluded.until,
    since = CASE WHEN portal_problems.reason = excluded.reason THEN portal_problems.since ELSE excluded.since END
WHERE portal_problems.reason = excluded.reason OR portal_problems.until <= excluded.until
"""

PROBLEMS = f"""
SELECT portal, reason, message,
       (extract(epoch FROM since) * 1000)::bigint AS since_ms, (extract(epoch FROM until) * 1000)::bigint AS until_ms
FROM portal_problems WHERE until > statement_timestamp() - interval '{FORGOTTEN_AFTER}'
"""  # noqa: S608 - a constant of this module

SEEN = """
INSERT INTO portal_accounts (portal, account_id, account_type, seen_at)
VALUES (:portal, :account_id, :account_type, statement_timestamp())
ON CONFLICT (portal) DO UPDATE SET
    account_id = excluded.account_id, account_type = excluded.account_type, seen_at = excluded.seen_at
"""


@dataclass(frozen=True, kw_only=True)
class PortalProblem:
    portal: str
    reason: Reason
    message: str
    since_ms: int
    until_ms: int  # when a worker looks again


@dataclass(frozen=True, kw_only=True)
class PortalAccount:
    account_id: int
    account_type: str  # HubSpot's word, such as DEVELOPER_TEST


def run_on(portal: str, run: UUID) -> str:
    """Whose problem it is where a portal is served, but not for this run. No portal has a slash in its name."""
    return f"{portal}/{run}"


def report(engine: Engine, portal: str, reason: Reason, message: str, retry_after_ms: int) -> None:
    """This portal (or run on it) can't be served now, for `reason`; looked at again after `retry_after_ms`."""
    values = {"portal": portal, "reason": reason.value, "message": storable(message)}
    with transaction(engine) as connection:
        connection.execute(text(REPORT), {**values, "retry_after_ms": retry_after_ms})


def clear(engine: Engine, portal: str) -> None:
    """The portal is served again."""
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM portal_problems WHERE portal = :portal"), {"portal": portal})


def problems(engine: Engine) -> dict[str, PortalProblem]:
    """The portals, and runs on them (see run_on), that have one now, by name."""
    with transaction(engine) as connection:
        rows = connection.execute(text(PROBLEMS)).mappings().all()
    return {row["portal"]: PortalProblem(**{**row, "reason": Reason(row["reason"])}) for row in rows}


def saw_account(engine: Engine, portal: str, account: PortalAccount) -> None:
    values = {"portal": portal, "account_id": account.account_id, "account_type": account.account_type}
    with transaction(engine) as connection:
        connection.execute(text(SEEN), values)


def accounts(engine: Engine) -> dict[str, PortalAccount]:
    """The account each portal opened when a worker last looked, by the portal's name."""
    with transaction(engine) as connection:
        rows = connection.execute(text("SELECT portal, account_id, account_type FROM portal_accounts")).mappings().all()
    return {row["portal"]: PortalAccount(account_id=row["account_id"], account_type=row["account_type"]) for row in rows}
