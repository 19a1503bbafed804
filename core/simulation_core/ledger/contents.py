"""What records read like, where it can't be computed again: a language model asked twice answers differently.

What is stored first counts, whoever wrote it: two workers that prepare the same records, or deliver them, read the same afterwards. So
nothing of a record may be sent anywhere before its content is here.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.errands import SAVE, Errand, ErrandFence, named
from simulation_core.ledger.values import ContentCounts

Content = Mapping[str, Any]
"""Of one record, as JSON; what is in it is known where it is made."""


RESERVED = "reserved"  # in an errand's progress: tokens of which it isn't known yet what became of them


class WrittenBy(enum.StrEnum):
    MODEL = "OpenAI"
    FAKER = "Faker"


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What became of a reservation: None, nobody knows; then all of it counts as used, so that the run never takes more than it may."""

    by: ErrandFence
    reserved: int
    used: int | None


class Reservation(enum.Enum):
    GRANTED = enum.auto()
    LATER = enum.auto()  # others hold what is left, and may give some of it back
    NEVER = enum.auto()  # so much isn't left
    LOST = enum.auto()  # the errand is another worker's by now


STORED = """
SELECT w.simulation_id, c.record, c.content
FROM unnest(CAST(:simulations AS uuid[]), CAST(:records AS integer[])) AS w (simulation_id, record)
JOIN contents c ON c.simulation_id = w.simulation_id AND c.record = w.record
"""

# Guarantees: a record's content is stored once and never replaced, and counted in the statement that stores it. Rows in one order.
KEEP = """
WITH stored AS (
    INSERT INTO contents (simulation_id, record, content, source)
    SELECT :simulation, g.record, CAST(g.content AS jsonb), :source
    FROM unnest(CAST(:records AS integer[]), CAST(:contents AS text[])) AS g (record, content)
    ORDER BY g.record
    ON CONFLICT (simulation_id, record) DO NOTHING
    RETURNING record
), counted AS (
    SELECT CASE WHEN :source = 'OpenAI' THEN count(*) ELSE 0 END AS of_model,
           CASE WHEN :source = 'Faker' THEN count(*) ELSE 0 END AS of_faker, count(*) AS records
    FROM stored
), told AS (
    INSERT INTO content_counts AS c (simulation_id, from_model, from_faker)
    SELECT :simulation, of_model, of_faker FROM counted WHERE records > 0
    ON CONFLICT (simulation_id) DO UPDATE
    SET from_model = c.from_model + excluded.from_model, from_faker = c.from_faker + excluded.from_faker
)
SELECT record FROM stored
"""

# Guarantees: what is used and reserved together never exceeds :most, however many workers ask at once: each waits for the row.
RESERVE = """
INSERT INTO content_counts AS c (simulation_id, tokens_reserved)
SELECT :simulation, CAST(:tokens AS bigint) WHERE CAST(:most AS bigint) IS NULL OR CAST(:tokens AS bigint) <= CAST(:most AS bigint)
ON CONFLICT (simulation_id) DO UPDATE SET tokens_reserved = c.tokens_reserved + excluded.tokens_reserved
WHERE CAST(:most AS bigint) IS NULL OR c.tokens + c.tokens_reserved + excluded.tokens_reserved <= CAST(:most AS bigint)
"""

SETTLE = """
UPDATE content_counts SET tokens_reserved = tokens_reserved - :reserved, tokens = tokens + :used WHERE simulation_id = :simulation
"""

COUNTS = "SELECT * FROM content_counts WHERE simulation_id = ANY(CAST(:ids AS uuid[]))"

_STORED, _KEEP, _RESERVE, _NOTE, _SETTLE, _COUNTS = map(text, (STORED, KEEP, RESERVE, SAVE, SETTLE, COUNTS))


def stored(engine: Engine, wanted: Mapping[UUID, Iterable[int]]) -> dict[UUID, dict[int, Content]]:
    """What is stored of these records, by run and number. Each run that was asked for is there, perhaps with nothing."""
    pairs = [(simulation, record) for simulation, records in wanted.items() for record in records]
    found: dict[UUID, dict[int, Content]] = {simulation: {} for simulation in wanted}
    if not pairs:
        return found
    given = {"simulations": [simulation for simulation, _ in pairs], "records": [record for _, record in pairs]}
    with transaction(engine) as connection:
        for simulation, record, content in connection.execute(_STORED, given):
            found[simulation][record] = content
    return found


def keep(engine: Engine, simulation_id: UUID, contents: Mapping[int, Content], *, by: WrittenBy, spent: Spent | None = None) -> list[int]:
    """Stores what isn't stored yet, and says of which records. What a call took is written with what it brought, or neither is."""
    with transaction(engine) as connection:  # rows in one order: the errand, contents, what is counted of the run
        is_ours = spent is not None and _noted(connection, spent.by, {})
        kept = _keep(connection, simulation_id, contents, by) if contents else []
        if spent is not None and is_ours:
            used = spent.reserved if spent.used is None else spent.used
            connection.execute(_SETTLE, {"simulation": simulation_id, "reserved": spent.reserved, "used": used})
    return kept


def reserve_tokens(engine: Engine, by: ErrandFence, tokens: int, *, most: int | None) -> Reservation:
    """Whether the run may still use so many. What is granted is settled by `keep`.

    It is noted in the errand, so that whoever goes on with it after a crash knows of it, and settles it: see `left_open`.
    """
    simulation_id = by.simulation_id
    with transaction(engine) as connection:
        if not _noted(connection, by, {RESERVED: tokens}):
            return Reservation.LOST
        if connection.execute(_RESERVE, {"simulation": simulation_id, "tokens": tokens, "most": most}).rowcount == 1:
            return Reservation.GRANTED
        _noted(connection, by, {})
        used = counts(connection, [simulation_id]).get(simulation_id, ContentCounts()).tokens
        return Reservation.LATER if most is None or used + tokens <= most else Reservation.NEVER


def left_open(errand: Errand) -> Spent | None:
    """What an earlier attempt reserved and didn't settle: its worker died, or couldn't write down what came of it."""
    reserved = errand.progress.get(RESERVED)
    return None if reserved is None else Spent(by=errand.fence, reserved=reserved, used=None)


def counts(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, ContentCounts]:
    """Of the runs of which anything is counted."""
    rows = connection.execute(_COUNTS, {"ids": list(ids)})
    return {row.simulation_id: ContentCounts(from_model=row.from_model, from_faker=row.from_faker, tokens=row.tokens) for row in rows}


def _noted(connection: Connection, by: ErrandFence, progress: Mapping[str, int]) -> bool:
    """False: the errand is another worker's by now, which settles what was noted there."""
    return connection.execute(_NOTE, {**named(by), "progress": json.dumps(progress)}).rowcount == 1


def _keep(connection: Connection, simulation_id: UUID, contents: Mapping[int, Content], by: WrittenBy) -> list[int]:
    values = {
        "simulation": simulation_id,
        "records": list(contents),
        "contents": [json.dumps(content) for content in contents.values()],
        "source": by.value,
    }
    return list(connection.scalars(_KEEP, values))
