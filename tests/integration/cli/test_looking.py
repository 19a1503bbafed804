"""list, wait and watch on a real API server, with statuses as the operator writes them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client import ApiClient

TIMELINE = {"startTime": "2026-12-01T08:00:00.000Z", "bucketMilliseconds": 1000, "planned": [10] * 40, "delivered": [10] * 10 + [0] * 30}
HALF_WAY = {
    "recordsProcessed": 100,
    "progress": "25%",
    "startTime": "2026-12-01T08:00:00.000Z",
    "endTime": "2026-12-01T08:00:40.000Z",
    "timeline": TIMELINE,
}


@pytest.fixture
def meanwhile() -> Iterator[Callable[..., None]]:
    """Does things while a command waits, one after the other, each with time enough to be seen."""
    threads: list[threading.Thread] = []

    def do(*actions: Callable[[], object]) -> None:
        def run() -> None:
            for action in actions:
                threading.Event().wait(1.2)
                action()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield do
    for thread in threads:
        thread.join()


def test_list_shows_a_line_a_simulation(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.create("new")
    cluster.show("launch", "Running", **HALF_WAY)
    head, launch, new = cli("list").out.splitlines()
    assert head.split() == ["NAME", "SCENARIO", "PHASE", "PROGRESS", "PROCESSED", "FAILED", "TOTAL", "NEXT", "ETA", "AGE"]
    assert launch.split()[:8] == ["launch", "B2B", "Running", "████············", "25%", "100", "0", "400"]
    assert new.split()[2] == "–"


def test_list_of_all_namespaces_names_them(cli: Any, cluster: Any) -> None:
    cluster.create("launch", labels={"of": cluster.namespace})
    lines = cli("list", "-A", "-l", f"of={cluster.namespace}", "-o", "wide").out.splitlines()
    assert [line.split()[:2] for line in lines] == [["NAMESPACE", "NAME"], [cluster.namespace, "launch"]]
    assert lines[0].endswith("MESSAGE")


def test_list_as_json_has_the_figures(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Running", **HALF_WAY)
    (shown,) = json.loads(cli("list", "-o", "json").out)["items"]
    assert (shown["name"], shown["phase"], shown["recordsProcessed"], shown["progressPercent"]) == ("launch", "Running", 100, 25)


def test_an_empty_namespace_says_so(cli: Any, cluster: Any) -> None:
    ended = cli("list")
    assert (ended.code, ended.out, ended.err) == (0, "", f"No Simulations found in namespace {cluster.namespace}.\n")


def test_a_list_beyond_ones_rights_names_the_right(cli: Any, cluster: Any, reader: Path) -> None:
    assert cli("list", kubeconfig=reader).code == 0
    ended = cli("list", "-A", kubeconfig=reader)
    assert (ended.code, "Simulations of all namespaces can't be listed" in ended.err) == (6, True)


def test_wait_returns_on_success(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    meanwhile(lambda: cluster.show("launch", "Completed"))
    ended = cli("wait", "launch", "--timeout", "20s")
    assert (ended.code, ended.out) == (0, "launch is Complete: Completed it is.\n")


def test_wait_returns_on_failure_too_with_a_code_of_its_own(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    cluster.create("other")
    cluster.show("other", "Completed")
    meanwhile(lambda: cluster.show("launch", "Failed"))
    ended = cli("wait", "--all", "--timeout", "20s")
    assert (ended.code, ended.out) == (9, "other is Complete: Completed it is.\n")
    assert ended.err == "launch is Failed, not Complete: Failed it is.\n"


def test_wait_for_the_end_takes_any(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Failed")
    ended = cli("wait", "launch", "--for", "condition=finished", "-o", "json")
    assert (ended.code, json.loads(ended.out)["items"][0]["waited"]) == (0, "reached")


def test_wait_gives_up_in_time(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Running")
    ended = cli("wait", "launch", "--timeout", "0.2s")
    assert (ended.code, "launch is not Complete yet: Running, Running it is." in ended.err) == (8, True)


def test_wait_sees_that_what_it_waited_for_was_deleted(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    meanwhile(lambda: (cluster.delete("launch"), cluster.create("launch")))
    ended = cli("wait", "launch", "--timeout", "20s")
    assert (ended.code, ended.err) == (4, "launch was deleted\n")


def test_wait_for_a_deletion_ends_when_it_is_gone(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    meanwhile(lambda: cluster.delete("launch"))
    ended = cli("wait", "launch", "absent", "--for", "delete", "--timeout", "20s", "-o", "json")
    assert (ended.code, [(each["name"], each["waited"]) for each in json.loads(ended.out)["items"]]) == (0, [("launch", "reached")])
    assert cli("wait", "launch", "--for", "delete").code == 0


def test_wait_for_a_comparison_that_nobody_asked_for_ends(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Completed")
    ended = cli("wait", "launch", "--for", "Verified")
    assert (ended.code, "is Completed, not Verified: nobody asked for it" in ended.err) == (9, True)


@pytest.mark.parametrize(("arguments", "code"), [(["absent"], 4), (["-l", "no=body"], 4), ([], 2), (["launch", "--for", "Done"], 2)])
def test_what_there_is_not_can_not_be_waited_for(cli: Any, cluster: Any, arguments: list[str], code: int) -> None:
    assert cli("wait", *arguments).code == code


def test_watch_without_a_terminal_prints_a_line_a_phase_and_ends(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Queued")
    meanwhile(
        lambda: cluster.show("launch", "Running", **HALF_WAY),
        lambda: cluster.show("launch", "Completed", **(HALF_WAY | {"recordsProcessed": 400, "progress": "100%"})),
    )
    ended = cli("watch", "launch")
    assert ended.code == 0
    assert [line.split()[1:4] for line in ended.out.splitlines()] == [
        ["launch", "Queued", "0%"],
        ["launch", "Running", "25%"],
        ["launch", "Completed", "100%"],
    ]


def test_watch_as_json_prints_an_object_a_line(cli: Any, cluster: Any) -> None:
    cluster.create("launch")
    cluster.show("launch", "Failed", **HALF_WAY)
    ended = cli("watch", "launch", "-o", "json")
    shown = json.loads(ended.out)
    assert (ended.code, shown["phase"], shown["timeline"]) == (9, "Failed", TIMELINE)


def test_watch_without_the_right_to_see_workers_says_which(cli: Any, cluster: Any, reader: Path) -> None:
    cluster.create("launch")
    cluster.show("launch", "Completed")
    ended = cli("watch", "launch", "-o", "json", kubeconfig=reader)
    assert ended.code == 0
    assert json.loads(ended.out)["workers"].endswith("the right to list deployments.apps in all namespaces")


def test_watch_shows_the_workers_of_the_installation(cli: Any, cluster: Any, kube: ApiClient) -> None:
    labels = {"app.kubernetes.io/name": "simulation-operator", "app.kubernetes.io/component": "worker"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "worker", "image": "none"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    body = {"metadata": {"name": "worker", "labels": labels}, "spec": spec}
    kubernetes.client.AppsV1Api(kube).create_namespaced_deployment(cluster.namespace, body)
    cluster.create("launch")
    cluster.show("launch", "Completed")
    shown = json.loads(cli("watch", "launch", "-o", "json", "--operator-namespace", cluster.namespace).out)
    assert shown["workers"] == "0 of 2 ready"


def test_watch_ends_when_the_simulation_goes(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch")
    meanwhile(lambda: cluster.delete("launch"))
    assert cli("watch", "launch").code == 4


def test_watch_follows_a_deletion_until_it_is_gone(cli: Any, cluster: Any, meanwhile: Any) -> None:
    cluster.create("launch", spec={"deletionPolicy": "Archive"}, finalizers=["simulation-operator.dev/archive"])
    cluster.show("launch", "Completed", archived={"done": 0, "total": 800})
    cluster.delete("launch")
    assert cli("list").out.splitlines()[1].split()[2] == "Terminating"
    meanwhile(
        lambda: cluster.show("launch", "Completed", archived={"done": 300, "total": 800}, message="300 of 800 objects are archived."),
        lambda: cluster.let_go("launch"),
    )
    ended = cli("watch", "launch", "-o", "json")
    assert (ended.code, ended.err) == (0, "launch is gone\n")
    with pytest.raises(kubernetes.client.ApiException, match="not found"):
        cluster.get("launch")
    first = json.loads(ended.out.splitlines()[0])
    assert (first["phase"], first["deleting"], first["archived"]) == ("Completed", True, {"done": 0, "total": 800})
