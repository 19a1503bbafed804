"""What counts as doubled and as lost, and that a fault that hit nothing fails the measurement."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulation_bench import exactness
from simulation_bench.exactness import faults
from simulation_bench.exactness.verdict import Account, Verdict, of_crm_and_ledger, of_runs
from simulation_bench.peer import Peer

PLANNED = ["a", "b", "c"]
PRESENT = Peer(folder=Path())


def account(*, counted: int = 3, batches_open: int = 0) -> Account:
    return Account(counted=counted, batches_open=batches_open, batches_tried_again=0)


def judged(created: list[str], told: Account) -> tuple[int, int]:
    verdict = of_crm_and_ledger(PLANNED, created, told, "")
    return verdict.duplicates, verdict.lost


def test_each_record_once_in_both_is_exact() -> None:
    assert judged(["c", "a", "b"], account()) == (0, 0)


@pytest.mark.parametrize(
    ("created", "told"),
    [
        (["a", "b", "c", "a"], account()),
        (["a", "b", "c", "x"], account()),
        (["a", "b", "c"], account(counted=4)),
    ],
    ids=["created twice", "never planned", "counted twice"],
)
def test_what_is_beyond_the_plan_is_a_duplicate(created: list[str], told: Account) -> None:
    assert judged(created, told) == (1, 0)


@pytest.mark.parametrize(
    ("created", "told"),
    [
        (["a", "b"], account()),
        (["a", "b", "c"], account(counted=2)),
        (["a", "b", "c"], account(batches_open=1)),
    ],
    ids=["not in the CRM", "not counted", "its batch not done"],
)
def test_what_is_not_in_both_is_lost(created: list[str], told: Account) -> None:
    assert judged(created, told) == (0, 1)


def test_one_lost_and_one_doubled_do_not_make_up_for_each_other() -> None:
    assert judged(["a", "b", "b"], account()) == (1, 1)
    assert of_runs(3, ["0", "1", "1"], "") == Verdict(duplicates=1, lost=1, said="")


def test_the_worst_round_is_shown_and_nothing_has_no_ratio() -> None:
    ours = [Verdict(duplicates=0, lost=0, said="much was killed"), Verdict(duplicates=0, lost=2, said="much was killed")]
    made = exactness.of_rounds(ours, [Verdict(duplicates=0, lost=9, said=""), Verdict(duplicates=0, lost=4, said="")], PRESENT)
    assert (made["lost"].ours, made["lost"].peer, made["lost"].ratio, made["lost"].spread) == (2, 9, 4.5, (0, 2))
    assert (made["duplicates"].ours, made["duplicates"].ratio) == (0, None)
    assert "much was killed" in made["lost"].note


def test_without_a_peer_it_is_measured_alone() -> None:
    made = exactness.of_rounds([Verdict(duplicates=0, lost=0, said="")], [], Peer(folder=Path(), absent="node not on the PATH"))
    assert (made["lost"].peer, made["lost"].ratio) == (None, None)
    assert made["lost"].note.endswith("no peer: node not on the PATH")


def test_who_has_ended_already_can_not_be_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], text=True)
    process.wait()
    with pytest.raises(ChildProcessError, match="nothing to kill: it had ended with exit code 0"):
        faults.kill(process)


def test_a_worker_is_killed_once_it_holds_batches_and_not_before() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, text=True)
    looks = iter([0, 0, 3])
    assert faults.kill_holding(process, lambda: next(looks)) == 3
    assert (process.returncode, list(looks)) == (-9, [])
    process.communicate()


def test_a_worker_that_never_holds_batches_fails_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PATIENCE_SECONDS", 0.02)
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, text=True)
    with pytest.raises(TimeoutError, match="held no batch"):
        faults.kill_holding(process, lambda: 0)
    assert process.poll() is None
    process.kill()
    process.communicate()
