"""What a run created in the CRM, as the ledger knows it: batch by batch, so that a run of any size is read in little memory."""

from __future__ import annotations

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

_COUNT = text("""
SELECT k.role, count(*) FROM batches b
CROSS JOIN LATERAL (SELECT left(split_part(key, '.', 2), 1) AS role FROM jsonb_object_keys(b.crm_ids) AS key) k
WHERE b.simulation_id = :id AND b.crm_ids IS NOT NULL GROUP BY k.role
""")


def page(engine: Engine, run: Run, *, after: int, limit: int = BATCHES_A_PAGE) -> list[BegunBatch]:
    """The batches behind number `after` that were begun, in order; empty at the end."""
    with transaction(engine) as connection:
        rows = connection.execute(_PAGE, {"id": run.id, "after": after, "limit": limit}).all()
    return [_batch(run, row) for row in rows]


def objects(engine: Engine, run: Run, *, batches_a_page: int = BATCHES_A_PAGE) -> Iterator[CreatedObject]:
    """All that the ledger has a CRM id of, in the order of the records."""
    after = -1
    while batches := page(engine, run, after=after, limit=batches_a_page):
        for batch in batches:
            yield from batch.objects
        after = batches[-1].number


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
