"""Batches that should be in Redis, in columns: a dense plan offers thousands a second, and an object each would cost more than Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from simulation_core.ledger.values import Offer

Column = NDArray[np.int64]


@dataclass(frozen=True)
class OfferedRun:
    simulation_id: UUID
    portal: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Offers(Sequence[Offer]):
    """In the order in which they are offered; each column has an entry a batch. Read one by one they are `Offer`s."""

    runs: Sequence[OfferedRun]
    run: Column  # index into `runs`
    number: Column  # the batch's
    attempt: Column  # the attempt its claim will be
    due_ms: Column  # when the claim may succeed
    records: Column  # in the batch

    @classmethod
    def of(cls, given: Iterable[tuple[Offer, int]]) -> Offers:
        """From single ones, each with the number of its records."""
        runs: dict[OfferedRun, int] = {}
        rows = [
            (
                runs.setdefault(OfferedRun(offer.simulation_id, offer.portal), len(runs)),
                offer.batch,
                offer.attempt,
                offer.due_ms,
                records,
            )
            for offer, records in given
        ]
        return cls.of_columns(list(runs), np.array(rows, dtype=np.int64).reshape(-1, 5).T)

    @classmethod
    def of_columns(cls, runs: Sequence[OfferedRun], columns: Sequence[Column] | NDArray[np.int64]) -> Offers:
        """`columns`: run, number, attempt, due_ms, records."""
        run, number, attempt, due_ms, records = columns
        return cls(runs=runs, run=run, number=number, attempt=attempt, due_ms=due_ms, records=records)

    def counted(self) -> Iterator[tuple[Offer, int]]:
        """Single ones, each with the number of its records."""
        return zip(self, self.records.tolist(), strict=True)

    def chosen(self, which: Any) -> Offers:
        """Those that a mask, a slice or an array of positions names."""
        columns = (self.run, self.number, self.attempt, self.due_ms, self.records)
        return Offers.of_columns(self.runs, [column[which] for column in columns])

    def __len__(self) -> int:
        return len(self.number)

    @overload
    def __getitem__(self, index: int) -> Offer: ...
    @overload
    def __getitem__(self, index: slice) -> Offers: ...
    def __getitem__(self, index: int | slice) -> Offer | Offers:
        if isinstance(index, slice):
            return self.chosen(index)
        run = self.runs[self.run[index]]
        return Offer(
            simulation_id=run.simulation_id,
            batch=int(self.number[index]),
            attempt=int(self.attempt[index]),
            portal=run.portal,
            due_ms=int(self.due_ms[index]),
        )

    def __iter__(self) -> Iterator[Offer]:
        return (self[index] for index in range(len(self)))
