"""How old a status counts as, and what the busiest stretch of writes was."""

from __future__ import annotations

from uuid import uuid4

import pytest

from simulation_bench.status.ages import Ages, Known

UID = uuid4()


@pytest.fixture
def ages() -> Ages:
    made = Ages()
    made.created(UID, 100.0)
    return made


def test_without_a_status_it_is_as_old_as_itself(ages: Ages) -> None:
    assert ages.oldest_s(107.0) == 7.0


def test_it_is_old_since_the_ledger_first_knew_more(ages: Ages) -> None:
    ages.shows(UID, {"phase": "Running", "recordsProcessed": 2})
    ages.knows(UID, Known("Running", 2), 110.0)
    assert ages.oldest_s(200.0) == 0.0
    ages.knows(UID, Known("Running", 3), 210.0)
    ages.knows(UID, Known("Running", 4), 220.0)
    assert ages.oldest_s(230.0) == 20.0
    ages.shows(UID, {"phase": "Running", "recordsProcessed": 3})
    assert ages.oldest_s(230.0) == 10.0
    ages.shows(UID, {"phase": "Completed", "recordsProcessed": 4})
    assert ages.oldest_s(230.0) == 0.0
    assert (ages.completed(4), ages.completed(5)) == (1, 0)
