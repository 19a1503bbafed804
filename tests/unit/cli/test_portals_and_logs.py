"""What is made of a portals file, of workers' metrics and of log lines."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest

from simulation_cli import log_lines, portals
from simulation_cli.resource import ClusterSimulation
from simulation_core.logging import LineFormatter

UID = UUID("6f1c2a55-0000-4222-8333-444455556666")
FILE = "portals: [{name: default, tier: starter, callsPerDay: 1000, allowedNamespaces: [a, b]}]"
METRICS = """
# HELP simulation_worker_budget_calls_today Calls since the account's midnight, of all workers and portals of the account
# TYPE simulation_worker_budget_calls_today gauge
simulation_worker_budget_calls_today{portal="default"} 250.0
"""


def test_what_is_left_today_follows_from_the_workers_count() -> None:
    (default,) = portals.known([FILE], [], portals.calls_today_of(METRICS))
    assert (default.calls_today, default.calls_left_today, default.as_json()["callsLeftToday"]) == (250, 750, 750)
    head, row = portals.as_lines([default])
    assert (head.index("LEFT TODAY"), row.split()) == (
        row.index("750"),
        ["default", "starter", "100", "1000", "750", "a,b", "–", "–", "0", "–"],
    )


def test_a_portal_with_limits_of_its_own_beyond_its_tier_shows_no_tier() -> None:
    (own,) = portals.known(["portals: [{name: own, callsPerTenSeconds: 190, allowedNamespaces: ['*']}]"], [], {})
    assert portals.as_lines([own])[1].split()[:4] == ["own", "–", "190", "250000"]


def test_a_portal_that_only_a_simulation_names_is_shown() -> None:
    lost = ClusterSimulation(namespace="n", name="x", uid=UID, spec={"portal": "lost"}, status={})
    assert [(each.name, each.configured is None) for each in portals.known([FILE], [lost], {})] == [("default", False), ("lost", True)]


@pytest.mark.parametrize(("phase", "account"), [("Completed", 3), ("Running", 2)])
def test_the_account_is_that_of_the_newest_and_first_of_those_that_go_on(phase: str, account: int) -> None:
    told = [
        ClusterSimulation(
            namespace="n",
            name=name,
            uid=UUID(int=created_ms),
            spec={},
            status={"phase": its, "portal": {"accountId": created_ms, "accountType": f"of {created_ms}"}},
            created_ms=created_ms,
        )
        for name, its, created_ms in (("z", "Completed", 1), ("b", phase, 2), ("a", "Completed", 3))
    ]
    (default,) = portals.known([FILE], told, {})
    assert (default.account_id, default.account_type) == (account, f"of {account}")


def test_a_line_comes_apart_as_it_was_put_together() -> None:
    record = logging.LogRecord("simulation_worker.deliver", logging.WARNING, "f", 1, 'a "b" \\ c\nd %s', ("e",), None)
    record.created = 1.5
    assert log_lines.fields(LineFormatter().format(record)) == {
        "time": "1970-01-01T00:00:01.500Z",
        "level": "warning",
        "logger": "simulation_worker.deliver",
        "message": 'a "b" \\ c\nd e',
    }
    assert log_lines.fields("Traceback") == {"message": "Traceback"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"accepted n/spring.v1 ({UID}): QUEUED", True),
        ("n/spring.v1: suspend, 3 claims are still under way", True),
        ("planning n/spring.v1.", True),
        (f"batch 7 of {UID}: lost", True),
        (f"job {UID}-7-1 was abandoned", True),
        ("n/spring.v1.2: suspend", False),
        ("n/spring.v1-2: suspend", False),
        ("an/spring.v1: suspend", False),
        ("n/springxv1: suspend", False),
    ],
)
def test_which_lines_speak_of_a_simulation(text: str, named: bool) -> None:
    assert bool(log_lines.speaks_of("n", "spring.v1", UID).search(text)) is named


def test_a_line_without_a_time_stays_with_the_one_before() -> None:
    timed = 'time=2026-12-01T08:00:00.000Z level=info logger=a message="b"'
    assert log_lines.times(["first", timed, "second"]) == [log_lines.LONG_AGO, *["2026-12-01T08:00:00.000Z"] * 2]
