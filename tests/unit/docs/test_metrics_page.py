"""The page of metrics names what a process really serves, and each alarm is about one that is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from simulation_operator.metrics import Metrics as OperatorMetrics
from simulation_operator.scheduler.metrics import Metrics as SchedulerMetrics
from simulation_worker.metrics import Metrics as WorkerMetrics

PAGE = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text(encoding="utf-8")
ALARMS, *TABLES = PAGE.split("\n## ")
NAMES = re.compile(r"^\| `(\w+)`", re.MULTILINE)


@pytest.mark.parametrize(("made", "table"), [(OperatorMetrics, "operator"), (SchedulerMetrics, "scheduler"), (WorkerMetrics, "worker")])
def test_what_a_process_serves_is_on_the_page(made: Callable[[CollectorRegistry], Any], table: str) -> None:
    registry = CollectorRegistry()
    made(registry)
    served = re.findall(r"^# TYPE (\w+) ", generate_latest(registry).decode(), re.MULTILINE)
    (found,) = (each for each in TABLES if each.startswith(f"{table}\n"))
    assert NAMES.findall(found) == [name for name in served if not name.endswith("_created")]


def test_each_alarm_is_about_a_metric_that_is_there() -> None:
    named = set(re.findall(r"`(simulation_\w+)`", ALARMS))
    assert len(named) > 5
    assert named <= set(NAMES.findall(PAGE))
