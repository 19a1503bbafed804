"""A pod's way from pending to running, and what its process is given."""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiClient, AppsV1Api, BatchV1Api, CoordinationV1Api, CoreV1Api

from simulation_sandbox.waiting import wait_for

pytestmark = pytest.mark.usefixtures("node")
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def test_the_node_is_ready_with_a_fresh_lease_and_without_taints(kube: ApiClient, node_name: str) -> None:
    def ready() -> Any:
        node = CoreV1Api(kube).read_node(node_name)
        holds = any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)
        return node if holds and not node.spec.taints else None

    node = wait_for(ready, what="the node to be ready", within_seconds=10)
    assert int(node.status.capacity["pods"]) > 100
    leases = CoordinationV1Api(kube)
    first = wait_for(lambda: leases.read_namespaced_lease(node_name, "kube-node-lease"), what="the lease", within_seconds=10)
    wait_for(
        lambda: leases.read_namespaced_lease(node_name, "kube-node-lease").spec.renew_time > first.spec.renew_time,
        what="the lease to be renewed",
        within_seconds=10,
    )


def test_a_taint_of_absence_is_taken_off_and_others_stay(kube: ApiClient, node_name: str) -> None:
    taints = [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}, {"key": "mine", "effect": "NoSchedule"}]
    CoreV1Api(kube).patch_node(node_name, {"spec": {"taints": taints}})
    wait_for(
        lambda: [taint.key for taint in CoreV1Api(kube).read_node(node_name).spec.taints or ()] == ["mine"],
        what="the taint to go",
        within_seconds=10,
    )


def test_a_pending_pod_is_bound_and_becomes_ready(pods: Any, node_name: str) -> None:
    pods.create("one", pods.shell(f"echo hello; {POLITE}"))
    pod = pods.wait_ready("one")
    assert pod["spec"]["nodeName"] == node_name
    assert pod["status"]["phase"] == "Running"
    assert {kind: pods.condition(pod, kind) for kind in ("PodScheduled", "Initialized", "ContainersReady")} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
    }
    assert pods.container(pod)["started"]
    assert pods.wait_log("one", "hello").startswith("hello\n")


def test_a_pod_that_names_its_node_needs_no_binding(pods: Any, node_name: str) -> None:
    pods.create("one", pods.shell(POLITE), nodeName=node_name)
    pods.wait_ready("one")


def test_a_pod_that_other_labels_or_another_scheduler_wait_for_is_left_alone(pods: Any) -> None:
    pods.create("elsewhere", pods.shell(POLITE), nodeSelector={"kubernetes.io/hostname": "another"})
    pods.create("other-scheduler", pods.shell(POLITE), schedulerName="mine")
    pods.create("ours", pods.shell(POLITE))
    pods.wait_ready("ours")  # created last: the others were seen before
    assert all("nodeName" not in pods.get(name)["spec"] for name in ("elsewhere", "other-scheduler"))


def test_every_pod_has_a_loopback_address_of_its_own(pods: Any) -> None:
    for name in ("a", "b", "c"):
        pods.create(name, pods.shell(POLITE))
    running = [pods.wait_ready(name) for name in ("a", "b", "c")]
    addresses = {pod["status"]["podIP"] for pod in running}
    assert len(addresses) == 3
    assert all(IPv4Address(address) in IPv4Network("127.0.0.0/8") for address in addresses)
    assert running[0]["status"]["podIPs"] == [{"ip": running[0]["status"]["podIP"]}]
    assert running[0]["status"]["hostIP"] == "127.0.0.1"


def test_a_process_serves_on_the_address_it_learnt_from_the_downward_api(pods: Any) -> None:
    serve = {
        "name": "main",
        "image": "unused",
        "command": ["python", "-m", "http.server", "--bind", "$(POD_IP)", "8080"],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
    }
    pods.create("first", serve)
    pods.create("second", serve)  # the same port, another address
    assert pods.wait_ready("first")["status"]["podIP"] != pods.wait_ready("second")["status"]["podIP"]


def test_the_environment_is_exactly_the_pods(pods: Any, kube: ApiClient, namespace: str, node_name: str) -> None:
    core = CoreV1Api(kube)
    core.create_namespaced_secret(namespace, {"metadata": {"name": "db"}, "stringData": {"url": "postgres://x"}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "all"}, "data": {"COLOUR": "red", "SIZE": "9"}})
    env = [
        {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
        {"name": "SHADE", "valueFrom": {"configMapKeyRef": {"name": "all", "key": "COLOUR"}}},
        {"name": "BOTH", "value": "$(URL)?shade=$(SHADE)&$(NOBODY)&$$(URL)"},
        {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "db", "key": "nothing", "optional": True}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "ACCOUNT", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}},
    ]
    # env(1) itself, not a shell, which adds variables of its own
    container = {"name": "main", "image": "unused", "command": ["env"], "env": env, "envFrom": [{"configMapRef": {"name": "all"}}]}
    pods.create("one", container, metadata={"labels": {"team": "crm"}}, restartPolicy="Never")
    log = pods.log(pods.wait_phase("one", "Succeeded"))
    seen = dict(line.split("=", 1) for line in log.splitlines())
    home, kubeconfig, path = (seen.pop(name) for name in ("HOME", "KUBECONFIG", "PATH"))
    seen.pop("LC_CTYPE", None)  # Python sets it for itself where there is no locale: the launcher is Python
    assert seen == {
        "COLOUR": "red",
        "SIZE": "9",
        "URL": "postgres://x",
        "SHADE": "red",
        "BOTH": "postgres://x?shade=red&$(NOBODY)&$(URL)",
        "NAME": "one",
        "HOSTNAME": "one",
        "TEAM": "crm",
        "NODE": node_name,
        "ACCOUNT": "default",
    }
    assert Path(kubeconfig).parent == Path(home).parent
    assert re.fullmatch(r".+:/usr/bin:/bin", path)


def test_a_deployment_becomes_available(pods: Any, kube: ApiClient, namespace: str) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pods.spec(pods.shell(POLITE))}
    body = {"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}}
    AppsV1Api(kube).create_namespaced_deployment(namespace, body)
    wait_for(
        lambda: AppsV1Api(kube).read_namespaced_deployment_status("web", namespace).status.available_replicas == 2,
        what="the deployment to be available",
        within_seconds=30,
    )


@pytest.mark.parametrize(("script", "outcome"), [("exit 0", "succeeded"), ("echo no money; exit 3", "failed")])
def test_a_job_ends_as_its_pod_does(pods: Any, kube: ApiClient, namespace: str, script: str, outcome: str) -> None:
    body = {
        "metadata": {"name": "job"},
        "spec": {"backoffLimit": 0, "template": {"spec": pods.spec(pods.shell(script), restartPolicy="Never")}},
    }
    BatchV1Api(kube).create_namespaced_job(namespace, body)
    wait_for(
        lambda: getattr(BatchV1Api(kube).read_namespaced_job_status("job", namespace).status, outcome) == 1,
        what=f"the job to have {outcome}",
        within_seconds=30,
    )


def test_a_failure_tells_its_last_words(pods: Any) -> None:
    pods.create("one", pods.shell("seq 100; echo no money; exit 3"), restartPolicy="Never")
    end = pods.container(pods.wait_phase("one", "Failed"))["state"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (3, "Error")
    assert end["message"].splitlines() == [*map(str, range(82, 101)), "no money"]


def test_a_command_that_is_nowhere_says_so(pods: Any) -> None:
    pods.create("one", {"name": "main", "image": "unused", "command": ["no-such-program"]}, restartPolicy="Never")
    end = pods.container(pods.wait_phase("one", "Failed"))["state"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (128, "StartError")
    assert "no-such-program" in end["message"]


def test_a_container_without_a_command_waits_with_the_reason(pods: Any) -> None:
    pods.create("one", {"name": "main", "image": "unused"})
    pod = pods.wait("one", lambda pod: pods.waiting(pod).get("reason") == "CreateContainerConfigError")
    assert "no images" in pods.waiting(pod)["message"]


def test_programs_are_found_by_base_name_wherever_the_image_has_them(pods: Any) -> None:
    command = ["/app/bin/python", "-c", "import sys; print(sys.executable)"]
    pods.create("one", {"name": "main", "image": "unused", "command": command}, restartPolicy="Never")
    assert os.path.basename(pods.log(pods.wait_phase("one", "Succeeded")).strip()).startswith("python")


def test_init_containers_run_in_order_before_the_others(pods: Any) -> None:
    shared = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
    pods.create(
        "one",
        pods.shell("cat /scratch/steps", **shared),
        initContainers=[
            pods.shell("echo first >> /scratch/steps", "first", **shared),
            pods.shell("echo second >> /scratch/steps", "second", **shared),
        ],
        volumes=[{"name": "work", "emptyDir": {}}],
        restartPolicy="Never",
    )
    assert pods.log(pods.wait_phase("one", "Succeeded")) == "first\nsecond\n"


def test_an_init_container_that_fails_is_tried_again_and_holds_the_others_back(pods: Any) -> None:
    shared = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
    third_time = "echo x >> /scratch/tries; test $(wc -l < /scratch/tries) -ge 3"
    pods.create(
        "one",
        pods.shell(f"cat /scratch/tries; {POLITE}", **shared),
        initContainers=[pods.shell(third_time, "init", **shared)],
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pod = pods.wait_ready("one")
    assert pods.container(pod, "init")["restartCount"] == 2
    assert pods.container(pod)["restartCount"] == 0
    assert pods.wait_log("one", "x\nx\nx\n")
