"""suspend, resume, cancel, retry, verify on a real API server: what is patched, what is left alone, and what is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient

from simulation_cli import choosing
from simulation_cli.cluster import simulations

RETRY, VERIFY = "simulation-operator.dev/retry-failed", "simulation-operator.dev/verify"


@pytest.fixture
def meanwhile(cluster: Any) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Does something once a command asked for a suspension, while it waits."""
    threads: list[threading.Thread] = []

    def do(action: Callable[[], object]) -> None:
        def run() -> None:
            until_s = time.monotonic() + 20
            while not cluster.get("launch")["spec"].get("suspend") and time.monotonic() < until_s:
                time.sleep(0.05)
            action()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield do
    for thread in threads:
        thread.join()


def test_suspend_and_resume_patch_one_field(cli: Any, cluster: Any) -> None:
    before = cluster.create("launch")
    ended = cli("suspend", "launch")
    assert (ended.code, ended.out) == (0, "launch suspended: nothing new is begun, what is under way is finished\n")
    assert cluster.get("launch")["spec"] == {**before["spec"], "suspend": True}
    assert cli("resume", "simulation/launch").code == 0
    assert cluster.get("launch")["spec"] == before["spec"]


def test_asking_again_changes_nothing(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Running", recordsFailed=3, recordsProcessed=1)
    for verb in ("suspend", "retry", "verify"):
        assert cli(verb, "launch").code == 0
    before = cluster.get("launch")["metadata"]["resourceVersion"]
    for verb, said in (("suspend", "is being suspended already"), ("retry", "to retry already"), ("verify", "to verify already")):
        ended = cli(verb, "launch")
        assert (ended.code, said in ended.out) == (0, True)
    assert cluster.get("launch")["metadata"]["resourceVersion"] == before


def test_retry_and_verify_write_a_new_token_each_time(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Failed", recordsFailed=3, recordsProcessed=1)
    for verb, annotation, field in (("retry", RETRY, "handledRetryToken"), ("verify", VERIFY, "handledVerifyToken")):
        assert cli(verb, "launch").code == 0
        token = cluster.get("launch")["metadata"]["annotations"][annotation]
        cluster.show("launch", "Failed", **{field: token})
        assert cli(verb, "launch").code == 0
        assert cluster.get("launch")["metadata"]["annotations"][annotation] != token


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("suspend", "launch has ended (Completed): nothing is left to suspend"),
        ("resume", "launch has ended (Completed): nothing is left to resume"),
        ("cancel", "launch has ended (Completed): nothing is left to cancel"),
        ("retry", "launch has no failed records: there is nothing to retry"),
    ],
)
def test_what_has_ended_is_told_and_ends_with_seven(cli: Any, cluster: Any, verb: str, said: str) -> None:
    cluster.create("launch")
    cluster.show("launch", "Completed")
    ended = cli(verb, "launch", *(["--yes"] if verb == "cancel" else []))
    assert (ended.code, ended.err) == (7, f"{said}\n")


def test_all_takes_those_that_can_be_changed(cli: Any, cluster: Any) -> None:
    for name in ("one", "over", "two"):
        cluster.create(name)
    cluster.show("over", "Completed")
    ended = cli("suspend", "--all", "-o", "json")
    shown = json.loads(ended.out)["results"]
    assert (ended.code, [(each["name"], each["outcome"]) for each in shown]) == (
        0,
        [("one", "asked"), ("over", "refused"), ("two", "asked")],
    )
    assert [cluster.get(name)["spec"]["suspend"] for name in ("one", "over", "two")] == [True, False, True]


def test_labels_choose(cli: Any, cluster: Any) -> None:
    cluster.create("ours", labels={"team": "growth"})
    cluster.create("theirs", labels={"team": "sales"})
    assert cli("suspend", "-l", "team=growth").out.startswith("ours suspended")
    assert not cluster.get("theirs")["spec"]["suspend"]
    nobody = cli("suspend", "-l", "team=nobody")
    assert (nobody.code, nobody.err) == (0, "no Simulation is chosen by that: nothing was changed\n")
    assert cli("suspend", "-l", "a=b=c").code == 2


def test_a_name_that_is_not_there_keeps_none_of_the_others(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    ended = cli("suspend", "absent", "launch")
    assert (ended.code, "absent isn't in the cluster" in ended.err, ended.out.startswith("launch suspended")) == (4, True, True)


def test_more_than_a_page_is_chosen(cli: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulations, "PAGE", 2)
    for number in range(5):
        cluster.create(f"run-{number}")
    assert cli("suspend", "--all").out.count("suspended: ") == 5


def test_cancel_asks_and_a_no_changes_nothing(cli: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create("launch")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: question != "End launch for good?")
    ended = cli("cancel", "launch")
    assert (ended.code, ended.err) == (10, "kubectl simulation: nothing was changed\n")
    assert not cluster.get("launch")["spec"]["cancel"]


def test_cancel_where_nobody_can_be_asked_wants_yes(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    assert cli("cancel", "launch").code == 2
    assert not cluster.get("launch")["spec"]["cancel"]
    assert cli("cancel", "launch", "--yes").code == 0
    assert cluster.get("launch")["spec"]["cancel"]
    assert cli("cancel", "launch").out == "launch is being cancelled already\n"  # nothing to ask for


def test_one_that_was_created_again_meanwhile_is_left_alone(cli: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.create("launch")
    real = choosing.chosen

    def chosen(*arguments: Any) -> list[Any]:
        found = list(real(*arguments))
        cluster.delete("launch")
        cluster.create("launch")
        return found

    monkeypatch.setattr("simulation_cli.acting.chosen", chosen)
    ended = cli("cancel", "launch", "--yes")
    assert (ended.code, "was deleted and created again" in ended.err) == (4, True)
    assert not cluster.get("launch")["spec"]["cancel"]


def test_wait_returns_when_the_operator_has_done_it(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Running")
    meanwhile(lambda: cluster.show("launch", "Suspended"))
    ended = cli("suspend", "launch", "--wait", "--timeout", "20s")
    assert (ended.code, ended.out.splitlines()[1]) == (0, "launch is Suspended: Suspended it is.")


def test_wait_says_so_when_it_ended_first(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Running")
    meanwhile(lambda: cluster.show("launch", "Completed"))
    ended = cli("suspend", "launch", "--wait", "--timeout", "20s", "-o", "json")
    assert (ended.code, json.loads(ended.out)["results"][0]["waited"]) == (9, "missed")


def test_a_wait_ends_with_its_timeout(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    ended = cli("suspend", "launch", "--wait", "--timeout", "0.1")
    assert (ended.code, ended.err) == (
        8,
        "kubectl simulation: launch is not Suspended yet: new, not seen by the operator yet\n",
    )


def test_who_may_only_look_is_told_which_right_is_missing(cli: Any, cluster: Any, reader: Path) -> None:
    cluster.create("launch")
    ended = cli("suspend", "launch", kubeconfig=reader)
    assert (ended.code, ended.err.count("\n")) == (6, 1)
    assert "Ask the administrator for the right to patch simulations.simulation-operator.dev" in ended.err


def test_without_rights_the_list_names_the_right(cli: Any, cluster: Any, nobody: Path) -> None:
    assert "the right to list simulations.simulation-operator.dev" in cli("suspend", "--all", kubeconfig=nobody).err


def test_a_cluster_without_the_kind_ends_with_five(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulations, "GROUP", "not-installed.example")
    assert (cli("suspend", "--all").code, cli("suspend", "launch").code) == (5, 5)


def test_the_shell_is_offered_names_of_the_namespace(cluster: Any, kube: ApiClient, control_plane: Path) -> None:
    for name in ("spring", "summer", "autumn"):
        cluster.create(name)
    program = Path(sys.executable).with_name("kubectl_complete-simulation")
    asked = [program, "suspend", "-n", cluster.namespace, "--kubeconfig", control_plane, "summer", "s"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split() == ["spring", ":4"]
    asked = [program, "list", "--kubeconfig", control_plane, "-n", cluster.namespace[:-1]]
    assert cluster.namespace in subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    asked = [program, "plan", "-n", cluster.namespace, "--kubeconfig", control_plane, "--against", "a"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split() == ["autumn", ":4"]
    nowhere = {**os.environ, "KUBECONFIG": "/nonexistent"}
    done = subprocess.run([program, "suspend", ""], capture_output=True, text=True, check=True, env=nowhere)
    assert (done.stdout.split(), done.stderr) == ([":4"], "")
