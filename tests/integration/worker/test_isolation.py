"""A batch that killed two workers is delivered by a process of its own, so that the third death costs nobody else anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from simulation_core.ledger import claims
from simulation_core.ledger.engine import transaction
from simulation_core.ledger.values import Claimed, Finish, Status
from simulation_core.reasons import Reason
from simulation_worker.isolation import LEDGER_AWAY, carry_out_alone
from simulation_worker.load import ALONE_AFTER, MOST_CRASHES, Release

PENDING = 0
KILLED = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
STUCK = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def dying(ledger: Any, engine: Engine) -> Callable[..., Any]:
    """A run whose only batch has so many deaths behind it."""

    def publish(crashes: int = ALONE_AFTER, **run: Any) -> Any:
        id_ = ledger.publish(**run)
        with transaction(engine) as connection:
            connection.execute(text("UPDATE batches SET crashes = :n WHERE simulation_id = :id"), {"n": crashes, "id": id_})
        return id_

    return publish


@pytest.fixture
def claimed(engine: Engine, request_for: Any) -> Callable[[Any], Claimed]:
    def claim(run: Any) -> Claimed:
        (got,) = claims.claim(engine, [request_for(run)], lease_ms=60_000)
        assert isinstance(got, Claimed)
        return got

    return claim


@pytest.fixture
def environment(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker's environment hands on."""
    for name, value in settings.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_its_own_process_delivers_it_and_ends_its_claim(ledger: Any, dying: Any, claimed: Any, outside: Any) -> None:
    run = dying(records=3)
    assert carry_out_alone(claimed(run), "default") is None
    assert (ledger.run(run).status, ledger.run(run).records_processed) == (Status.COMPLETED, 3)
    assert ledger.batch(run)["crashes"] == 0
    assert len(outside.keys("companies")) == 3


@pytest.mark.usefixtures("environment")
def test_a_claim_that_was_lost_on_the_way_is_left_alone(ledger: Any, dying: Any, claimed: Any, outside: Any) -> None:
    run = dying(records=3)
    mine = claimed(run)
    ledger.expire(run)
    assert carry_out_alone(mine, "default") is None
    assert outside.keys("companies") == []


def test_its_death_is_told_and_counted(dying: Any, claimed: Any, caplog: pytest.LogCaptureFixture) -> None:
    end = carry_out_alone(claimed(dying()), "default", command=KILLED)
    assert isinstance(end, Release)
    assert end.crashed
    assert end.retry_after_ms > 0
    assert "in a process of its own, killed by signal 9" in caplog.text


def test_one_that_is_stuck_is_killed_and_beats_meanwhile(dying: Any, claimed: Any, caplog: pytest.LogCaptureFixture) -> None:
    beats: list[int] = []
    end = carry_out_alone(claimed(dying()), "default", command=STUCK, longest_seconds=1.5, beat=lambda: beats.append(1))
    assert isinstance(end, Release)
    assert end.crashed
    assert len(beats) >= 2
    assert "stuck" in caplog.text


def test_an_outage_that_it_meets_counts_as_no_death(dying: Any, claimed: Any) -> None:
    command = (sys.executable, "-c", f"import sys; sys.exit({LEDGER_AWAY})")
    end = carry_out_alone(claimed(dying()), "default", command=command)
    assert isinstance(end, Release)
    assert not end.crashed


@pytest.mark.usefixtures("environment")
def test_without_postgres_it_says_so_by_its_exit_code(dying: Any, claimed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = claimed(dying())
    monkeypatch.setenv("SIMULATION_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    end = carry_out_alone(mine, "default")
    assert isinstance(end, Release)
    assert not end.crashed


@pytest.mark.usefixtures("environment")
def test_a_portals_file_that_was_broken_since_its_worker_began_counts_as_no_death(
    dying: Any, claimed: Any, settings: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The worker keeps the portals it read before; it would give the batch up after three such processes."""
    mine = claimed(dying(crashes=MOST_CRASHES - 1))
    Path(settings["SIMULATION_PORTALS_FILE"]).write_text("portals: {")
    end = carry_out_alone(mine, "default")
    assert isinstance(end, Release)
    assert not end.crashed
    assert end.retry_after_ms > 0
    assert "the portals file is not YAML" in capfd.readouterr().err


def test_the_third_death_alone_sets_it_aside(dying: Any, claimed: Any) -> None:
    end = carry_out_alone(claimed(dying(crashes=MOST_CRASHES - 1, records=4)), "default", command=KILLED)
    assert isinstance(end, Finish)
    assert {result.reason for result in end.results} == {Reason.WORKER_DIED}
    assert len(end.results) == 4


def test_a_worker_sends_it_there_and_delivers_the_others_itself(
    start_worker: Any, ledger: Any, jobs: Any, dying: Any, outside: Any, until: Any
) -> None:
    suspect, other = dying(records=2), ledger.publish(records=2)
    jobs.push(suspect)
    jobs.push(other)
    worker = start_worker()
    until(lambda: ledger.run(suspect).status is Status.COMPLETED and ledger.run(other).status is Status.COMPLETED)
    assert worker.log.read_text().count("goes to a process of its own") == 1
    assert len(outside.keys("companies")) == 4
    until(lambda: jobs.queue().started_job_registry.get_job_count(cleanup=False) == 0)


def test_one_that_had_its_last_death_is_given_up_untouched(
    start_worker: Any, ledger: Any, jobs: Any, dying: Any, outside: Any, until: Any
) -> None:
    run = dying(crashes=MOST_CRASHES, records=2)
    jobs.push(run)
    start_worker()
    until(lambda: ledger.run(run).status is Status.FAILED)
    assert {error["reason"] for error in ledger.errors(run)} == {Reason.WORKER_DIED.value}
    assert outside.keys("companies") == []
