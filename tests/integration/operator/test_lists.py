"""What a real API server answers: to lists, as metadata alone and of a page of these all there is; and to a status that is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from simulation_operator import api as calls
from simulation_operator.api import Api, ConflictError
from simulation_operator.limiter import Limiter
from simulation_operator.login import api_client
from simulation_operator.metrics import Metrics
from simulation_operator.resource import Key, Simulation
from simulation_sandbox.waiting import wait_for


@pytest.fixture
async def api(control_plane: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(calls, "PAGE", 2)
    monkeypatch.setenv("KUBECONFIG", str(control_plane))
    connection = await api_client()
    yield Api(connection, Limiter(rate_per_second=10, burst=10), Metrics(CollectorRegistry()))
    await cast(Any, connection).close()


def found(cluster) -> tuple[Key, int]:
    """The Simulation, which is created unless it is there."""
    simulation = Simulation.from_body(cluster.get() if cluster.exists() else cluster.create())
    return simulation.key, simulation.version


async def test_a_page_of_metadata_tells_the_versions_of_what_it_lists_whole(cluster, api):
    created = [cluster.create(f"one-{number}") for number in range(5)]
    pages = [page async for page in api.list_seen(cluster.namespace)]
    assert [len(page.seen) for page in pages] == [2, 2, 1]
    assert [(str(seen.key.uid), str(seen.version)) for page in pages for seen in page.seen] == [
        (each["metadata"]["uid"], each["metadata"]["resourceVersion"]) for each in created
    ]
    for page in pages:
        whole = await api.whole(cluster.namespace, page)
        assert [(each.key, each.version, each.asked) for each in whole] == [(seen.key, seen.version, seen.asked) for seen in page.seen]
        assert all(each.spec["totalRecords"] == 200 for each in whole)


async def test_a_page_is_as_it_was_when_its_list_was_begun(cluster, api):
    for number in range(3):
        cluster.create(f"one-{number}")
    pages = [page async for page in api.list_seen(cluster.namespace)]
    cluster.delete("one-2")
    assert [each.key.name for each in await api.whole(cluster.namespace, pages[1])] == ["one-2"]


async def test_metadata_comes_alone(cluster, api):
    cluster.create()
    answers = [answer async for _, answer in api._pages(cluster.namespace, _headers={"Accept": calls.METADATA_LIST})]
    assert [[sorted(item) for item in answer["items"]] for answer in answers] == [[["apiVersion", "kind", "metadata"]]]


async def test_a_status_is_merged_upon_the_version_that_was_told(cluster, api):
    key, version = found(cluster)
    version = await api.patch_status(key, {"phase": "Queued", "message": "It is planned."}, version=version)
    version = await api.patch_status(key, {"phase": "Running", "message": None, "nobodyKnows": 1}, version=version)
    assert cluster.get()["status"] == {"phase": "Running"}
    assert found(cluster) == (key, version)


async def test_a_status_upon_what_somebody_else_changed_is_refused(cluster, api):
    key, version = found(cluster)
    cluster.annotate(noticed="yes")
    with pytest.raises(ConflictError):
        await api.patch_status(key, {"phase": "Completed"}, version=version)


async def test_a_status_for_one_that_is_created_again_by_the_same_name_is_refused(cluster, api):
    key, version = found(cluster)
    cluster.delete()
    again, _ = found(cluster)
    assert again != key
    with pytest.raises(ConflictError):
        await api.patch_status(key, {"phase": "Completed"}, version=version)
    assert "status" not in cluster.get()


async def test_an_empty_list_is_a_list(cluster, api):
    assert [list(page.seen) async for page in api.list_seen(cluster.namespace)] == [[]]
    assert [page.whole async for page in api.list_whole(cluster.namespace)] == [[]]


def test_an_operator_without_simulations_finishes_its_lists(operator):
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= 1, what="a list", within_seconds=20)
    assert "Traceback" not in operator.log


def test_what_the_watch_brings_is_counted(operator, cluster):
    """Where it stands still although Simulations come and go, the watch is broken."""
    wait_for(lambda: operator.metric("simulation_operator_leader") == 1, what="the operator", within_seconds=20)
    before = operator.metric("simulation_operator_watch_events_total")
    cluster.create()
    wait_for(lambda: operator.metric("simulation_operator_watch_events_total") > before, what="an event", within_seconds=20)
