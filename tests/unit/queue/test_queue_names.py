"""Names in Redis: readable by a person, and never one for two things."""

from __future__ import annotations

import re
import uuid

import pytest

from simulation_core.kinds import Kind
from simulation_core.ledger.values import ClaimRequest
from simulation_core.queue.names import job_id, parse_job_id, queue_name

SIMULATION = uuid.UUID("6f1c2a55-0000-4222-8333-444455556666")


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_a_queue_of_its_own_a_portal(kind):
    assert queue_name(kind, "east-2") == f"simulation-{kind.value}-east-2"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_job_id_says_what_it_asks_for_and_suits_rq(kind):
    name = job_id(SIMULATION, 12, 3, kind)
    assert re.fullmatch("[A-Za-z0-9_-]+", name)
    assert parse_job_id(name) == ClaimRequest(simulation_id=SIMULATION, batch=12, attempt=3)


def test_a_delivery_is_named_by_simulation_batch_and_attempt_alone():
    assert job_id(SIMULATION, 0, 1) == "6f1c2a55-0000-4222-8333-444455556666-0-1"


def test_attempts_and_kinds_never_share_an_id():
    names = {job_id(SIMULATION, batch, attempt, kind) for batch in (1, 11) for attempt in (1, 11) for kind in Kind}
    assert len(names) == 2 * 2 * len(Kind)


@pytest.mark.parametrize(
    "name",
    ["", "nightly-report", "6f1c2a55-0000-4222-8333-444455556666-1", "6f1c2a55-0000-4222-8333-444455556666-1-x", f"{SIMULATION}-1-2\n"],
)
def test_somebody_elses_job_is_told_apart(name):
    with pytest.raises(ValueError, match="malformed"):
        parse_job_id(name)
