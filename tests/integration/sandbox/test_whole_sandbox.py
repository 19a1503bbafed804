from __future__ import annotations

import os
import subprocess
from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest
import redis

from simulation_sandbox import cluster
from simulation_sandbox.layout import Layout, State
from simulation_sandbox.valkey import Valkey
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulation_sandbox.assets import Assets


@pytest.fixture(scope="module")
def module_layout(session_folder: Path, assets: Assets) -> Iterator[Layout]:
    layout = Layout(session_folder / "sandbox")
    yield layout
    cluster.remove(layout, print)


@pytest.fixture
def layout(module_layout: Layout) -> Layout:
    """Of a running sandbox; started again if the test before stopped it."""
    cluster.up(module_layout, print, attached=True)
    return module_layout


def state_of(layout: Layout) -> State:
    state = State.load(layout.state)
    assert state is not None
    return state


def none_alive(state: State) -> bool:
    return not any(process.alive for process in (state.supervisor, *state.parts.values()))


def test_up_again_changes_nothing(layout: Layout) -> None:
    before, environment = state_of(layout), layout.env.read_text()
    cluster.up(layout, print)
    assert state_of(layout) == before
    assert layout.env.read_text() == environment


def test_the_env_file_leads_a_shell_to_the_cluster(layout: Layout) -> None:
    urls = "SIMULATION_DATABASE_URL SIMULATION_REDIS_URL SIMULATION_HUBSPOT_URL SIMULATION_MODEL_URL"
    script = f'source "$1"; kubectl get --raw /readyz; echo; helm version --short; printenv {urls}'
    said = subprocess.run(["bash", "-ec", script, "-", layout.env], capture_output=True, text=True, timeout=60, check=True).stdout.split()
    assert said[0].startswith("ok")
    assert [line.split(":")[0] for line in said[-4:]] == ["postgresql", "redis", "http", "http"]
    assert layout.env.stat().st_mode & 0o077 == 0


def test_a_part_that_dies_is_started_again_at_its_address(layout: Layout) -> None:
    url, before = Valkey(layout.valkey).url, state_of(layout).parts["valkey"]
    before.send(SIGKILL)

    def another_answers() -> bool:
        now = state_of(layout)
        return now.ready and now.doing == "running" and now.parts["valkey"] != before and now.parts["valkey"].alive

    wait_for(another_answers, what="Valkey to come back", within_seconds=30)
    with redis.Redis.from_url(url) as client:
        assert client.ping()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_up_finds_everything(layout: Layout) -> None:
    environment, before = layout.env.read_text(), state_of(layout)
    os.kill(before.supervisor.pid, SIGKILL)
    wait_for(lambda: none_alive(before), what="every part to follow its supervisor", within_seconds=15)
    cluster.up(layout, print, attached=True)
    assert layout.env.read_text() == environment
    assert state_of(layout).supervisor != before.supervisor


def test_down_stops_all_and_again_is_harmless(layout: Layout) -> None:
    before = state_of(layout)
    assert {"postgres", "valkey", "etcd", "kube-apiserver", "kube-controller-manager", "hubspot", "model"} <= set(before.parts)
    cluster.down(layout, print)
    assert none_alive(before)
    assert not cluster.is_running(layout)
    cluster.down(layout, print)
