"""One sandbox for the whole run, the product installed as a user would, and what a user has: kubectl, the CRM itself, the table."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import redis
import yaml

from simulation_sandbox import cluster as sandboxes
from simulation_sandbox.demo.kubectl import Kubectl
from simulation_sandbox.demo.proof import Proof, compare, gather
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.install import NAMESPACE, TOKEN_SECRET, Installation, install, values
from simulation_sandbox.layout import CHECKOUT, Layout, State
from simulation_sandbox.postgres import Postgres
from simulation_sandbox.processes import ProcessId
from simulation_sandbox.valkey import Valkey
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from simulation_sandbox.assets import Assets

Json = dict[str, Any]

SHORT_SECONDS = 60  # the longer ones are applied by tests/integration/operator
EXAMPLES = sorted(
    path for path in (CHECKOUT / "examples").glob("*.yaml") if yaml.safe_load(path.read_text())["spec"]["durationSeconds"] <= SHORT_SECONDS
)
QUIET_SECONDS = 10
SOON_SECONDS = 30.0
RELEASE = "simulation-operator"
OVERDUE = """
SELECT count(*) FROM simulations s JOIN batches b ON b.simulation_id = s.id
WHERE s.id = %s AND b.state = 0 AND s.start_time + b.offset_ms * interval '1 ms' < statement_timestamp()
"""


class Cluster:
    """A running sandbox with the product in it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.kubectl = Kubectl(layout.kubeconfig)
        self.token = f"pat-{uuid.uuid4()}"
        self.database_url = Postgres(layout.postgres).url
        self.redis_url = Valkey(layout.valkey).url
        self.kills: Counter[str] = Counter()

    def install(self, *more_portals: Json) -> None:
        """The chart with portal `default`, portals that refuse what the tests ask of them, and `more_portals`. Again: an upgrade."""
        default: Json = values(self.layout.hubspot_url)["portals"][0]
        portals = [
            default,
            default | {"name": "fenced", "allowedNamespaces": ["somebody-else"]},
            default | {"name": "small", "maxRecordsPerSimulation": 10},
            *(default | portal for portal in more_portals),
        ]
        wanted = Installation(
            hubspot_url=self.layout.hubspot_url, token=self.token, values={"portals": portals, "worker": {"quietSeconds": QUIET_SECONDS}}
        )
        install(self.layout, wanted, print)

    def deployment(self, component: str) -> Json:
        found: Json = json.loads(self.kubectl("get", "deployment", f"{RELEASE}-{component}", "-n", NAMESPACE, "-o", "json"))
        return found

    def pods(self, component: str) -> list[Json]:
        found = self.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/component={component}", "-o", "json")
        pods: list[Json] = json.loads(found)["items"]
        return pods

    def kill(self, component: str) -> None:
        """kill -9 of every running process of that component; returns once others are ready in their place."""
        wait_for(lambda: self._processes(component), what=f"a {component} to kill", within_seconds=SOON_SECONDS)
        killed = self._processes(component)
        self.kills[component] += 1
        for process in killed:
            process.send(SIGKILL)
        wait_for(lambda: self._replaced(component, killed), what=f"{component} to come back", within_seconds=60)

    def kill_part(self, part: str) -> None:
        """kill -9 of a server of the sandbox; returns once its supervisor has started another that answers."""
        before = self._state.parts[part]
        before.send(SIGKILL)
        wait_for(lambda: self._revived(part, before), what=f"{part} to come back", within_seconds=60)

    def hubspot(self, method: str, path: str, **body: Any) -> Json:
        """The emulator's /_emulator/…"""
        with httpx.Client(base_url=self.layout.hubspot_url, timeout=30, trust_env=False) as client:
            answer: Json = client.request(method, f"/_emulator/{path}", json=body or None).raise_for_status().json()
        return answer

    def endings(self, component: str) -> list[int]:
        """The exit codes with which processes of pods that still exist ended last; 137: kill -9."""
        states = [each["lastState"] for pod in self.pods(component) for each in pod["status"]["containerStatuses"]]
        return [state["terminated"]["exitCode"] for state in states if "terminated" in state]

    def restarts(self, component: str) -> int:
        return sum(each["restartCount"] for pod in self.pods(component) for each in pod["status"]["containerStatuses"])

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """Postgres ends all connections and takes no new ones."""
        with psycopg.connect(Postgres(self.layout.postgres).url_of("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute("ALTER DATABASE simulation ALLOW_CONNECTIONS false")
            try:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'simulation'")
                yield
            finally:
                connection.execute("ALTER DATABASE simulation ALLOW_CONNECTIONS true")

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            return connection.execute(statement, parameters).fetchall()

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url)

    def logs(self) -> dict[str, str]:
        """What each pod has written, by file, as far as pods still exist."""
        return {
            str(path.relative_to(self.layout.node)): path.read_text(errors="replace")
            for path in self.layout.node.glob("pods/**/logs/*.log")
        }

    def log(self, component: str) -> str:
        return "\n".join(text for name, text in self.logs().items() if name.endswith(f"/{component}.log"))

    @property
    def _state(self) -> State:
        state = State.load(self.layout.state)
        assert state is not None, "the sandbox runs"
        return state

    def _revived(self, part: str, before: ProcessId) -> bool:
        now = self._state.parts.get(part)
        return now not in (None, before) and self._state.doing == "running"

    def _processes(self, component: str) -> list[ProcessId]:
        """As the pods' status names them: process://<container>-<pid>."""
        ids = [each.get("containerID", "") for pod in self.pods(component) for each in pod["status"].get("containerStatuses", ())]
        found = [ProcessId.of(int(container.rpartition("-")[2])) for container in ids if container]
        return [process for process in found if process is not None]

    def _replaced(self, component: str, killed: list[ProcessId]) -> bool:
        now = self._processes(component)
        statuses = [each for pod in self.pods(component) for each in pod["status"].get("containerStatuses", ())]
        return bool(now) and not set(now) & set(killed) and all(status["ready"] for status in statuses)


@dataclass(frozen=True)
class Runs:
    """The Simulations of one namespace."""

    cluster: Cluster
    namespace: str
    folder: Path

    @classmethod
    def begin(cls, cluster: Cluster, namespace: str, folder: Path) -> Runs:
        cluster.kubectl("create", "namespace", namespace)
        return cls(cluster, namespace, folder)

    def kubectl(self, *arguments: str, within_seconds: float = 60) -> str:
        return self.cluster.kubectl(*arguments, "-n", self.namespace, within_seconds=within_seconds)

    def apply(self, manifest: Json | Path) -> str:
        """What kubectl says."""
        if isinstance(manifest, dict):
            path = self.folder / f"{manifest['metadata']['name']}.json"
            path.write_text(json.dumps(manifest))
            return self.kubectl("apply", "-f", str(path))
        return self.kubectl("apply", "-f", str(manifest))

    def get(self, name: str) -> Json:
        return {"status": {}, **json.loads(self.kubectl("get", "simulation", name, "-o", "json"))}

    def events(self, name: str) -> dict[str, str]:
        """The latest message of each reason."""
        found = json.loads(self.kubectl("get", "events", "-o", "json", "--field-selector", f"involvedObject.name={name}"))["items"]
        return {event["reason"]: event["message"] for event in found}

    def until_told(self, name: str, reason: str) -> str:
        """The message of that Event."""
        return wait_for(lambda: self.events(name).get(reason), what=f"the Event {reason}", within_seconds=SOON_SECONDS)

    def set(self, name: str, **spec: Any) -> None:
        self.kubectl("patch", "simulation", name, "--type", "merge", "-p", json.dumps({"spec": spec}))

    def until(self, name: str, what: str, condition: Callable[[Json], bool], *, within_seconds: float) -> Json:
        """The Simulation once its status meets the condition; at the deadline what it says of itself is part of the error."""
        seen: Json = {}

        def met() -> Json | None:
            try:
                seen.update(self.get(name))
            except SandboxError as error:  # the API server may be away just now
                seen["status"] = {"kubectl": str(error)}
            return seen if condition(seen["status"]) else None

        try:
            return wait_for(met, what=what, within_seconds=within_seconds, every_seconds=0.2)
        except SandboxError as error:
            raise AssertionError(f"{name}: {error}; its status is {json.dumps(seen['status'])}") from None

    def until_phase(self, name: str, phase: str, *, within_seconds: float) -> Json:
        return self.until(name, phase, lambda status: status.get("phase") == phase, within_seconds=within_seconds)

    def until_waiting(self, name: str, reason: str, *, within_seconds: float = SOON_SECONDS) -> Json:
        """Until Progressing=False says why."""
        return self.until(
            name,
            f"waiting because of {reason}",
            lambda status: (
                condition(status, "Progressing").get("reason") == reason and condition(status, "Progressing")["status"] == "False"
            ),
            within_seconds=within_seconds,
        )

    def until_processed(self, name: str, records: int, *, within_seconds: float = 60) -> Json:
        return self.until(
            name, f"{records} records in", lambda status: status.get("recordsProcessed", 0) >= records, within_seconds=within_seconds
        )

    def until_overdue(self, uid: str, batches: int) -> None:
        wait_for(lambda: self.cluster.query(OVERDUE, uid)[0][0] >= batches, what="records to fall due meanwhile", within_seconds=30)

    def proof(self, name: str) -> Proof:
        """The CRM's view beside the plan's."""
        return self.proof_of(self.get(name)["metadata"]["uid"])

    def proof_of(self, uid: str) -> Proof:
        return compare(*gather(self.cluster.layout.hubspot_url, self.cluster.database_url, uid))

    def created_ms(self, uid: str, object_type: str = "contacts") -> list[str]:
        """When each object of a run appeared in the CRM, in order."""
        found = self.cluster.hubspot("GET", f"objects/{object_type}?simulation_id={uid}&limit=10000")
        return sorted(each["createdAt"] for each in found["results"])


def condition(status: Mapping[str, Any], type_: str) -> Json:
    """The condition of that type, or an empty one."""
    return next((dict(each) for each in status.get("conditions", ()) if each["type"] == type_), {})


@pytest.fixture(scope="session")
def cluster(assets: Assets) -> Iterator[Cluster]:
    """Up once for all tests, and gone with them: it stops when this process ends, however it ends."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-e2e-"))
    folder.chmod(0o711)
    layout = Layout(folder / "sandbox")
    try:
        sandboxes.up(layout, print, attached=True)
        cluster = Cluster(layout)
        cluster.install()
        yield cluster
    finally:
        sandboxes.remove(layout, print)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def examples(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every example that ends soon, applied as it is before the first test: their minute passes while other tests do their work."""
    runs = Runs.begin(cluster, "examples", tmp_path_factory.mktemp("examples"))
    for example in EXAMPLES:
        runs.apply(example)
    return runs


@pytest.fixture
def runs(cluster: Cluster, tmp_path: Path) -> Iterator[Runs]:
    """A namespace of the test's own; its Simulations are deleted afterwards."""
    runs = Runs.begin(cluster, f"test-{uuid.uuid4().hex[:8]}", tmp_path)
    yield runs
    cluster.kubectl("delete", "namespace", runs.namespace, "--wait=false")


@pytest.fixture(scope="module")
def shared_runs(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A namespace for runs that several tests look at."""
    return Runs.begin(cluster, f"shared-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def simulation() -> Callable[..., Json]:
    """A manifest that says only what matters: by default 20 contacts, evenly within 10 seconds, each in a call of its own."""

    def build(name: str = "run", **spec: Any) -> Json:
        window: Json = {} if "endTime" in spec else {"durationSeconds": 10}
        defaults: Json = {"scenario": "B2C", "totalRecords": 20, "toleranceMilliseconds": 0, **window}
        return {
            "apiVersion": "simulation-operator.dev/v1alpha1",
            "kind": "Simulation",
            "metadata": {"name": name},
            "spec": {**defaults, **spec},
        }

    return build


@pytest.fixture
def condition_of() -> Callable[[Mapping[str, Any], str], Json]:
    return condition


@pytest.fixture
def quiet_seconds() -> int:
    """How long workers stay after the last record that needed them."""
    return QUIET_SECONDS


@pytest.fixture
def token_secret() -> str:
    return TOKEN_SECRET


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failure brings the ends of the pods' logs along: the sandbox is gone when somebody reads it."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, Cluster):
        for name, text in cluster.logs().items():
            report.sections.append((name, "\n".join(text.splitlines()[-30:])))
    return report
