"""How pods end, and begin again: restarts with back-off, deletion, hooks, and a node that stops or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.node.node import ProcessNode
from simulation_sandbox.waiting import wait_for

SAY_PID = "echo $$$$"  # to Kubernetes, $$ is an escaped $
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
STUBBORN = "trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done"


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pids(log: str) -> list[int]:
    return [int(word) for word in log.split() if word.isdigit()]


def test_a_crashing_container_is_restarted_with_a_growing_back_off(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell("date +%s.%N; echo broken >&2; exit 7"))
    pod = pods.wait("one", lambda pod: pods.container(pod).get("restartCount", 0) >= 4)
    assert pods.container(pod)["lastState"]["terminated"]["exitCode"] == 7
    assert pods.container(pod)["lastState"]["terminated"]["message"].endswith("broken")
    pod = pods.wait("one", lambda pod: pods.waiting(pod).get("reason") == "CrashLoopBackOff")
    assert pods.waiting(pod)["message"].startswith("back-off")
    starts = [float(line) for line in pods.log(pod).splitlines() if line[0].isdigit()]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[1] >= 0.3
    assert pauses[2] >= 0.6
    assert pauses[3] >= 1.2


@pytest.mark.parametrize(("script", "phase"), [("exit 0", "Succeeded"), ("exit 1", "Failed")])
def test_never_means_never(pods: Any, node: ProcessNode, script: str, phase: str) -> None:
    pods.create("one", pods.shell(script), restartPolicy="Never")
    assert pods.container(pods.wait_phase("one", phase))["restartCount"] == 0


def test_on_failure_restarts_until_success(pods: Any, node: ProcessNode) -> None:
    third_time = "echo x >> /scratch/tries; test $(wc -l < /scratch/tries) -ge 3"
    container = pods.shell(third_time, volumeMounts=[{"name": "work", "mountPath": "/scratch"}])
    pods.create("one", container, volumes=[{"name": "work", "emptyDir": {}}], restartPolicy="OnFailure")
    assert pods.container(pods.wait_phase("one", "Succeeded"))["restartCount"] == 2


def test_deletion_asks_first_and_lets_the_process_finish(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell("trap 'echo finishing; sleep 0.5; echo finished; exit 0' TERM; echo up; while :; do sleep 0.1; done"))
    pods.wait_log("one", "up")
    pod = pods.get("one")
    pods.delete("one")
    assert pods.wait_gone("one") < 4
    assert "finishing\nfinished" in pods.log(pod)


def test_after_the_grace_period_it_is_killed(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell(f"{SAY_PID}; {STUBBORN}"), terminationGracePeriodSeconds=2)
    log = pods.wait_log("one", "up")
    pod = pods.get("one")
    pods.delete("one")
    assert pods.wait_gone("one") >= 1.5
    assert "asked" in pods.log(pod)
    assert not running(pids(log)[0])


def test_deletion_with_force_kills_at_once(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell(f"{SAY_PID}; {STUBBORN}"), terminationGracePeriodSeconds=60)
    process = pids(pods.wait_log("one", "up"))[0]
    pods.delete("one", grace_period_seconds=0)
    wait_for(lambda: not running(process), what="the process to be killed", within_seconds=5)


def test_a_pod_takes_its_processes_children_along(pods: Any, node: ProcessNode) -> None:
    pods.create("one", pods.shell("sleep 1000 & echo $!; exec sleep 1000"))
    child = pids(pods.wait_log("one", "\n"))[0]
    pods.delete("one")
    pods.wait_gone("one")
    assert not running(child)


def test_the_pre_stop_hook_runs_before_the_signal(pods: Any, node: ProcessNode) -> None:
    mounts = [{"name": "work", "mountPath": "/scratch"}]
    pods.create(
        "one",
        pods.shell(
            "trap 'cat /scratch/hook; exit 0' TERM; echo up; while :; do sleep 0.1; done",
            volumeMounts=mounts,
            lifecycle={"preStop": {"exec": {"command": ["/bin/sh", "-c", "echo the hook was here > /scratch/hook"]}}},
        ),
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pods.wait_log("one", "up")
    pod = pods.get("one")
    pods.delete("one")
    pods.wait_gone("one")
    assert "the hook was here" in pods.log(pod)


def test_a_deleted_pods_files_go_and_its_logs_stay(pods: Any, node: ProcessNode, kube: ApiClient, namespace: str) -> None:
    CoreV1Api(kube).create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"key": "v"}})
    container = pods.shell(f"echo up; {POLITE}", volumeMounts=[{"name": "s", "mountPath": "/s"}])
    pods.create("one", container, volumes=[{"name": "s", "secret": {"secretName": "s"}}])
    pods.wait_log("one", "up")
    folder = Path(pods.get("one")["metadata"]["annotations"]["sandbox.simulation-operator.dev/log"]).parent
    pods.delete("one")
    pods.wait_gone("one")
    wait_for(lambda: [path.name for path in folder.iterdir()] == ["logs"], what="the folder to be cleared", within_seconds=5)


def test_stopping_the_node_stops_the_processes_and_keeps_the_pods(
    pods: Any, start_node: Callable[..., ProcessNode], kube: ApiClient
) -> None:
    node = start_node()
    pods.create("one", pods.shell(f"{SAY_PID}; {POLITE}"))
    pods.wait_ready("one")
    process = pids(pods.wait_log("one", "\n"))[0]
    node.stop()
    assert not running(process)
    assert pods.get("one")["status"]["phase"] == "Running"
    conditions = {each.type: each.status for each in CoreV1Api(kube).read_node(node.name).status.conditions}
    assert conditions["Ready"] == "False"


def test_a_restarted_node_starts_its_pods_again(pods: Any, start_node: Callable[..., ProcessNode]) -> None:
    node = start_node()
    pods.create("one", pods.shell(POLITE), initContainers=[pods.shell("echo once", "init")])
    pods.create("done", pods.shell("echo x"), restartPolicy="Never")
    before = pods.wait_ready("one")
    pods.wait_phase("done", "Succeeded")
    node.stop()
    start_node()
    after = pods.wait("one", lambda pod: pods.container(pod)["restartCount"] == 1 and "running" in pods.container(pod)["state"])
    assert pods.container(after)["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert pods.log(after, "init") == "once\n"
    assert pods.log(pods.get("done")) == "x\n"


def test_two_nodes_in_one_folder_are_one_too_many(start_node: Callable[..., ProcessNode]) -> None:
    start_node()
    with pytest.raises(SandboxError, match="another process node runs in"):
        start_node()


def test_a_pod_deleted_while_the_node_was_away_goes_when_it_is_back(pods: Any, start_node: Callable[..., ProcessNode]) -> None:
    node = start_node()
    pods.create("one", pods.shell(POLITE))
    pods.wait_ready("one")
    node.stop()
    pods.delete("one")
    assert "deletionTimestamp" in pods.get("one")["metadata"]
    start_node()
    pods.wait_gone("one")


@pytest.fixture
def node_process(control_plane: Path, session_folder: Path, node_name: str) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """The node as a process of its own, as `simulation-sandbox node` runs it."""
    code = """if True:
        import sys
        from pathlib import Path
        from simulation_sandbox.node.command import run_node
        run_node(*map(Path, sys.argv[1:4]), sys.argv[4])"""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        folder, programs = session_folder / node_name, Path(sys.executable).parent
        arguments = [str(control_plane), str(folder), str(programs), node_name]
        started.append(subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_sigterm_ends_a_node_in_the_foreground_with_its_processes(pods: Any, node_process: Callable[[], subprocess.Popen[bytes]]) -> None:
    node = node_process()
    pods.create("one", pods.shell(f"{SAY_PID}; {POLITE}"))
    process = pids(pods.wait_log("one", "\n"))[0]
    node.terminate()
    assert node.wait(10) == 0
    assert not running(process)


def test_a_killed_node_takes_its_processes_along(pods: Any, node_process: Callable[[], subprocess.Popen[bytes]]) -> None:
    node = node_process()
    pods.create("one", pods.shell("sleep 1000 & echo $! $$$$; exec sleep 1000"))
    child, leader = pids(pods.wait_log("one", "\n"))
    os.kill(node.pid, signal.SIGKILL)
    wait_for(lambda: not running(leader), what="the process to die", within_seconds=5)
    node.wait()
    node_process()  # what the process had started itself, the kernel leaves; the next node finds it
    wait_for(lambda: not running(child), what="its child to die", within_seconds=20)
    pods.wait("one", lambda pod: pods.container(pod)["restartCount"] == 1)
