"""Lists of a real API server, page by page: as metadata alone, and of a page of these all there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from simulation_operator import api as calls
from simulation_operator.api import Api
from simulation_operator.limiter import Limiter
from simulation_operator.login import api_client
from simulation_operator.metrics import Metrics
from simulation_sandbox.waiting import wait_for


@pytest.fixture
async def api(control_plane: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(calls, "PAGE", 2)
    monkeypatch.setenv("KUBECONFIG", str(control_plane))
    connection = await api_client()
    yield Api(connection, Limiter(rate_per_second=10, burst=10), Metrics(CollectorRegistry()))
    await cast(Any, connection).close()


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
    answers = [answer async for _, answer in api._pages(cluster.namespace, _headers={"Accept": calls.METADATA_ALONE})]
    assert [[sorted(item) for item in answer["items"]] for answer in answers] == [[["apiVersion", "kind", "metadata"]]]


async def test_an_empty_list_is_a_list(cluster, api):
    assert [list(page.seen) async for page in api.list_seen(cluster.namespace)] == [[]]
    assert [page async for page in api.list_pages(cluster.namespace)] == [[]]


def test_an_operator_without_simulations_finishes_its_lists(operator):
    wait_for(lambda: operator.metric("simulation_operator_resyncs_total") >= 1, what="a list", within_seconds=20)
    assert "Traceback" not in operator.log
