"""What a run created in the CRM, as the ledger knows it: batch by batch, so that a run of any size is read in little memory."""

# ruff: noqa: S608 - only constants of the ledger are put into statements; values are always bound

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Engine, Row, text

from simulation_core.ledger.engine import transaction
from simulation_core.ledger.rows import SELECT_RUNS, to_run
from simulation_core.ledger.values import Outcome, Run
from simulation_core.object_keys import object_key

BATCHES_A_PAGE = 100


class CreatedObject(NamedTuple):
    record: int
    role: str
    key: str
    crm_id: str
    delivered_ms: int | None


@dataclass(frozen=True, kw_only=True)
class BegunBatch:
    """A batch that was claimed at least once: of what was delivered the objects, of the rest that it may have been written in part."""

    number: int
    attempt: int
    objects: Sequence[CreatedObject]
    others: Sequence[int]  # records without an object in the ledger that may have one in the CRM
    records: int


# By the primary key: each page goes on behind the last one.
_PAGE = text("""
SELECT b.number, b.first_record, b.attempt, b.outcomes, b.crm_ids, b.delivered_offsets, cardinality(b.record_offsets) AS records
FROM batches b WHERE b.simulation_id = :id AND b.number > :after AND b.attempt > 0 ORDER BY b.number LIMIT :limit
""")

MARK_EACH = 100
_MARKS = text(f"SELECT first_record FROM batches WHERE simulation_id = :id AND number % {MARK_EACH} = 0 ORDER BY number")

# By the primary key, within the hundred batches behind the mark.
_DELIVERED = text(f"""
SELECT g.position FROM unnest(CAST(:records AS integer[]), CAST(:roles AS text[]), CAST(:marks AS integer[]))
    WITH ORDINALITY AS g (record, role, mark, position)
CROSS JOIN LATERAL (
    SELECT b.first_record, b.crm_ids FROM batches b
    WHERE b.simulation_id = :id AND b.number >= g.mark AND b.number < g.mark + {MARK_EACH} AND b.first_record <= g.record
    ORDER BY b.number DESC LIMIT 1
) b
WHERE jsonb_exists(b.crm_ids, (g.record - b.first_record) || '.' || g.role)
""")

_COUNT = text("""
SELECT k.role, count(*) FROM batches b
CROSS JOIN LATERAL (SELECT left(split_part(key, '.', 2), 1) AS role FROM jsonb_object_keys(b.crm_ids) AS key) k
WHERE b.simulation_id = :id AND b.crm_ids IS NOT NULL GROUP BY k.role
""")


def _begun(engine: Engine, run: Run, *, after: int, batches_a_page: int = BATCHES_A_PAGE) -> Iterator[BegunBatch]:
    """The batches behind number `after` that were begun, in order; no transaction stays open between two pages."""
    while True:
        with transaction(engine) as connection:
            rows = connection.execute(_PAGE, {"id": run.id, "after": after, "limit": batches_a_page}).all()
        if not rows:
            return
        yield from (_batch(run, row) for row in rows)
        after = rows[-1].number


def objects(engine: Engine, run: Run, *, batches_a_page: int = BATCHES_A_PAGE) -> Iterator[CreatedObject]:
    """All that the ledger has a CRM id of, in the order of the records."""
    for batch in _begun(engine, run, after=-1, batches_a_page=batches_a_page):
        yield from batch.objects


def chunks(engine: Engine, run: Run, *, after: int, least: int) -> Iterator[list[BegunBatch]]:
    """The begun batches behind number `after`, so many together that they have `least` records or more."""
    chunk: list[BegunBatch] = []
    records = 0
    for batch in _begun(engine, run, after=after):
        chunk.append(batch)
        records += batch.records
        if records >= least:
            yield chunk
            chunk, records = [], 0
    if chunk:
        yield chunk


class Delivered:
    """Says of any record of a run whether it was delivered with an object of a role. Remembers where each hundredth batch begins."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine, self._run = engine, run
        with transaction(engine) as connection:
            self._firsts = list(connection.scalars(_MARKS, {"id": run.id}))

    def which(self, wanted: Sequence[tuple[int, str]]) -> list[bool]:
        """Of each record and role, in their order."""
        records = [record for record, _ in wanted]
        values = {
            "id": self._run.id,
            "records": records,
            "roles": [role for _, role in wanted],
            "marks": [(bisect_right(self._firsts, record) - 1) * MARK_EACH for record in records],
        }
        with transaction(self._engine) as connection:
            found = set(connection.scalars(_DELIVERED, values))
        return [position + 1 in found for position in range(len(wanted))]


def count(engine: Engine, id: UUID) -> dict[str, int]:  # noqa: A002 - the column's name
    """How many objects the ledger has a CRM id of, by the role's first letter. Reads all of the run's batches."""
    with transaction(engine) as connection:
        return {role: int(number) for role, number in connection.execute(_COUNT, {"id": id})}


def named(engine: Engine, namespace: str, name: str) -> Run | None:
    """The newest run of that name: deleting and creating again under the same name makes another one."""
    statement = text(f"{SELECT_RUNS} WHERE s.namespace = :namespace AND s.name = :name ORDER BY s.created_at DESC, s.id LIMIT 1")
    with transaction(engine) as connection:
        row = connection.execute(statement, {"namespace": namespace, "name": name}).mappings().one_or_none()
    return None if row is None else to_run(row)


def _batch(run: Run, row: Row[Any]) -> BegunBatch:
    found: list[CreatedObject] = []
    for name, crm_id in (row.crm_ids or {}).items():
        index, _, role = name.partition(".")
        record = row.first_record + int(index)
        offset = row.delivered_offsets[int(index)] if row.delivered_offsets else None
        delivered_ms = None if offset is None or run.start_ms is None else run.start_ms + offset
        found.append(CreatedObject(record, role, object_key(run.id, record, role), crm_id, delivered_ms))
    outcomes = row.outcomes or [Outcome.PENDING] * row.records
    others = [row.first_record + index for index, outcome in enumerate(outcomes) if outcome != Outcome.DELIVERED]
    found.sort(key=lambda each: (each.record, each.role))
    return BegunBatch(number=row.number, attempt=row.attempt, objects=found, others=others, records=row.records)
