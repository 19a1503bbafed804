"""What is said of an answer that isn't one."""

from __future__ import annotations

import kubernetes
import pytest

from simulation_cli.cluster import Cluster
from simulation_cli.cluster.connection import Right
from simulation_cli.exits import UnreachableError


@pytest.mark.parametrize(("status", "advised"), [(400, False), (410, False), (429, True), (500, True), (503, True)])
def test_trying_again_is_advised_where_it_may_help(status: int, advised: bool) -> None:
    cluster = Cluster(client=None, namespace="default")
    with pytest.raises(UnreachableError) as raised, cluster.asked("the metrics of pod a/b", Right("get", "pods/proxy")):
        raise kubernetes.client.ApiException(status=status, reason="address not allowed")
    assert str(raised.value) == f"the metrics of pod a/b can't be read: {status} address not allowed" + ". Try again later" * advised
