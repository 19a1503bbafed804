"""What list and watch make of a status: figures, words, bars and the curve."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from simulation_cli import summary
from simulation_cli.drawing import Timeline
from simulation_cli.drawing.terminal import bar, overlay, table
from simulation_cli.exits import UnreachableError
from simulation_cli.resource import ClusterSimulation, moment_ms
from simulation_cli.screen import Moment, Rate
from simulation_cli.waiting import patient
from simulation_cli.watching import Pace, live

START = "2026-12-01T08:00:00.000Z"
START_MS = moment_ms(START)
STATUS = {
    "phase": "Running",
    "message": "Records are being delivered.",
    "progress": "25%",
    "recordsProcessed": 100,
    "recordsFailed": 2,
    "startTime": START,
    "endTime": "2026-12-01T08:00:40.000Z",
    "nextRecordTime": "2026-12-01T08:00:11.000Z",
    "estimatedCompletionTime": "2026-12-01T08:00:40.000Z",
    "lateness": {"p50Milliseconds": 210, "p99Milliseconds": 1940},
    "timeline": {"startTime": START, "bucketMilliseconds": 1000, "planned": [10] * 40, "delivered": [10] * 10 + [0] * 30},
    "failures": [{"record": 17, "reason": "RecordRejected", "message": "[bold]not[/] markup"}],
}


def a_moment(**changes: Any) -> Moment:
    simulation = ClusterSimulation(
        namespace="marketing",
        name="launch",
        uid=UUID(int=7),
        spec={"scenario": "B2B", "totalRecords": 400},
        status=STATUS | changes.pop("status", {}),
        created_ms=START_MS - 5_000,
    )
    return Moment(simulation=simulation, now_ms=START_MS + 10_000, **changes)


def drawn(moment: Moment) -> list[str]:
    console = Console(width=100, color_system=None)
    with console.capture() as printed:
        console.print(moment.as_rich(columns=100))
    return [line.rstrip() for line in printed.get().splitlines()]


def test_the_screen_tells_where_it_stands() -> None:
    lines = drawn(a_moment(rate=Rate(30, 5_000), workers="1 of 2 ready"))
    assert lines[:2] == ["marketing/launch  Running", "Records are being delivered."]
    assert lines[3].endswith("25%  100 of 400 records, 2 failed")
    assert lines[-7:] == [
        "due by now   100; delivered 100",
        "rate         6.0 records/s in the last 5 s; planned 10.0 records/s",
        "next record  1 s",
        "end          2026-12-01T08:00:40Z, 30 s left",
        "lateness     half of the records within 210 ms, 99 % within 1 s 940 ms",
        "workers      1 of 2 ready",
        "failed: record 17: RecordRejected: [bold]not[/] markup",
    ]


def test_the_screen_tells_who_wrote_the_content_and_how_far_archiving_is() -> None:
    status = {"content": {"fromModel": 1_300, "fromFaker": 0, "tokens": 45_000}, "archived": {"done": 10, "total": 400}, "failures": []}
    assert drawn(a_moment(status=status))[-2:] == [
        "content      1,300 records from the language model, 0 from Faker, 45,000 tokens used",
        "archived     10 of 400 objects",
    ]


def test_what_is_being_deleted_is_terminating_as_kubectl_says() -> None:
    moment = a_moment()
    going = Moment(simulation=replace(moment.simulation, deleting=True), now_ms=moment.now_ms)
    assert (drawn(going)[0], going.as_line().split()[2]) == ("marketing/launch  Terminating", "Terminating")
    assert (going.as_json()["phase"], going.as_json()["deleting"]) == ("Running", True)


def test_a_simulation_without_a_status_has_a_screen() -> None:
    new = ClusterSimulation(namespace="m", name="launch", uid=UUID(int=7), spec={"totalRecords": 4}, status={})
    assert drawn(Moment(simulation=new, now_ms=0))[:2] == ["m/launch  New", "not seen by the operator yet"]


def test_a_line_for_a_pipe() -> None:
    line = "2026-12-01T08:00:10Z launch Running 25% (100 of 400, 2 failed, 30 s left): Records are being delivered."
    assert a_moment().as_line() == line


def test_figures_as_json() -> None:
    shown = a_moment(rate=Rate(3, 60_000)).as_json()
    assert (shown["dueByNow"], shown["recordsPerSecond"], shown["secondsLeft"], shown["progressPercent"]) == (100, 0.05, 30, 25)


def test_the_delivered_stands_before_the_planned() -> None:
    timeline = Timeline(counts=(4, 4, 2, 0), start_ms=0, end_ms=4_000)
    lines = overlay(timeline, (4, 1, 4, 0), rows=2)
    assert lines[:2] == ["4 ┤██░░▓▓", "  │██▄▄██"]
    assert lines[2].startswith("0 ├")


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "····"), (0.01, "····"), (0.25, "█···"), (0.3, "█▏··"), (0.999, "███▉"), (1, "████"), (1.5, "████")]
)
def test_a_bar_is_full_at_the_end_alone(share: float, shown: str) -> None:
    assert bar(share, 4) == shown


def test_columns_are_as_wide_as_they_need() -> None:
    assert table([("NAME", "N"), ("a", 12), ("longer", 1)]) == ["NAME    N", "a       12", "longer  1"]


@pytest.mark.parametrize(("moment", "words"), [(None, "–"), (0, "now"), (1_500, "now"), (1_600, "1 s"), (61_500, "1 min")])
def test_how_long_until(moment: int | None, words: str) -> None:
    assert summary.until(moment, 1_500) == words


def test_records_before_a_moment() -> None:
    timeline = Timeline(counts=(10, 30), start_ms=1_000, end_ms=3_000)
    assert [timeline.until(moment) for moment in (0, 1_500, 2_500, 9_000)] == [0, 5, 25, 40]


def test_the_rate_is_that_of_the_last_minute() -> None:
    seconds = iter([0.0, 3.0, 6.0, 61.0])
    pace = Pace(clock=lambda: next(seconds))
    assert [pace.seen(count) for count in (0, 10, 60, 160)] == [None, None, Rate(60, 6_000), Rate(150, 58_000)]


def test_an_outage_is_borne_only_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation_cli.waiting.time.sleep", lambda _: None)
    answers = iter([UnreachableError("away"), "first", UnreachableError("away"), UnreachableError("away"), "second"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, UnreachableError):
            raise answer
        return answer

    look = patient(ask)
    with pytest.raises(UnreachableError):
        look()
    assert [look(), look()] == ["first", "second"]


def test_on_a_terminal_the_last_screen_stays() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)
    last = live(iter([a_moment(), a_moment(status={"phase": "Completed", "message": "All were delivered."})]), console)
    assert (last.phase, isinstance(console.file, io.StringIO)) == ("Completed", True)
    assert "All were delivered." in console.file.getvalue().rpartition("Records are being delivered.")[2]  # type: ignore[attr-defined]
