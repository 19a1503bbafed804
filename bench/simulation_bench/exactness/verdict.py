"""What became of the records of one round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """In records. `said`: what happened on the way, in one line."""

    duplicates: int
    lost: int
    said: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the ledger says of all runs together."""

    counted: int
    batches_open: int  # not DONE
    batches_tried_again: int


def of_crm_and_ledger(planned: Collection[str], created: Iterable[str], account: Account, said: str) -> Verdict:
    """By keys. A record is lost unless it is in the CRM and counted; what was created or counted beyond the plan is a duplicate."""
    times = Counter(created)
    missing = sum(key not in times for key in planned)
    surplus = times.total() - (len(planned) - missing)
    return Verdict(
        duplicates=max(surplus, account.counted - len(planned), 0),
        lost=max(missing, len(planned) - account.counted, int(account.batches_open > 0)),
        said=said,
    )


def of_runs(planned: int, run: Iterable[str], said: str) -> Verdict:
    """By the ids of the jobs that ran, as often as they ran."""
    times = Counter(run)
    return Verdict(duplicates=times.total() - len(times), lost=planned - len(times), said=said)
