"""What is said of an answer that isn't one."""

from __future__ import annotations

from types import SimpleNamespace

import kubernetes
import pytest

from simulation_cli.cluster import Cluster
from simulation_cli.cluster.connection import Right
from simulation_cli.exits import ForbiddenError, UnknownUserError, UnreachableError


@pytest.mark.parametrize(("status", "advised"), [(400, False), (410, False), (429, True), (500, True), (503, True)])
def test_trying_again_is_advised_where_it_may_help(status: int, advised: bool) -> None:
    cluster = Cluster(client=None, namespace="default")
    with pytest.raises(UnreachableError) as raised, cluster.asked("the metrics of pod a/b", Right("get", "pods/proxy")):
        raise kubernetes.client.ApiException(status=status, reason="address not allowed")
    assert str(raised.value) == f"the metrics of pod a/b can't be read: {status} address not allowed" + ". Try again later" * advised


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, UnknownUserError, "the API doesn't know who you are (Unauthorized). Log in again, or check the credentials of the context"),
        (403, ForbiddenError, "Unauthorized. Ask the administrator for the right to get pods/proxy"),
    ],
)
def test_who_is_not_known_is_not_sent_for_rights(status: int, kind: type[Exception], said: str) -> None:
    client = SimpleNamespace(configuration=SimpleNamespace(host="the API"))
    with pytest.raises(kind) as raised, Cluster(client, "default").asked("the metrics of pod a/b", Right("get", "pods/proxy")):
        raise kubernetes.client.ApiException(status=status, reason="Unauthorized")
    assert str(raised.value) == f"the metrics of pod a/b can't be read: {said}"
