"""How many calls each HubSpot account had on each of its days: its daily limit is for all portals and workers together."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction

# Guarantees: workers that add at once are all counted. Returns the day's calls so far.
ADD = """
INSERT INTO portal_usage AS usage (account_id, day, calls) VALUES (:account_id, :day, :calls)
ON CONFLICT (account_id, day) DO UPDATE SET calls = usage.calls + excluded.calls
RETURNING calls
"""


def add(engine: Engine, account_id: int, day: date, calls: int) -> int:
    """Adds calls to the account's day (in its own time zone), and says how many it has now. 0 only asks."""
    if calls == 0:
        return of_day(engine, account_id, day)
    with transaction(engine) as connection:
        values = {"account_id": account_id, "day": day, "calls": calls}
        return int(connection.execute(text(ADD), values).scalar_one())


def of_day(engine: Engine, account_id: int, day: date) -> int:
    with transaction(engine) as connection:
        statement = text("SELECT calls FROM portal_usage WHERE account_id = :account_id AND day = :day")
        return int(connection.execute(statement, {"account_id": account_id, "day": day}).scalar() or 0)
