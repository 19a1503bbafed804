"""`plan -o png`: a real picture, into a file or a pipe and never onto a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest
from typer.testing import CliRunner

from simulation_cli import main
from simulation_cli.drawing import Outline, Timeline, png

Ended = Callable[..., tuple[int, str]]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
BELL = tuple(range(20)) + tuple(reversed(range(20)))


def drawn(timeline: Timeline, *outlines: Outline) -> bytes:
    picture = io.BytesIO()
    png.write(picture, timeline, title="spring-launch", outlines=outlines)
    return picture.getvalue()


def colours(picture: bytes) -> set[tuple[float, ...]]:
    return {tuple(pixel) for pixel in matplotlib.image.imread(io.BytesIO(picture))[::5, ::5].reshape(-1, 4)}


def test_a_picture_is_a_png_with_bars_and_a_curve() -> None:
    picture = drawn(Timeline(counts=BELL, start_ms=0, end_ms=40_000, zone="Europe/Berlin"))
    assert picture.startswith(SIGNATURE)
    assert len(colours(picture)) > 10


def test_more_records_give_another_picture_and_the_same_ones_the_same() -> None:
    timeline = Timeline(counts=BELL, start_ms=0, end_ms=40_000)
    assert drawn(timeline) == drawn(timeline)
    assert drawn(timeline) != drawn(Timeline(counts=(*BELL[:39], 50), start_ms=0, end_ms=40_000))


def test_what_a_cluster_delivered_is_drawn_over_the_bars() -> None:
    timeline = Timeline(counts=BELL, start_ms=0, end_ms=40_000)
    assert drawn(timeline) != drawn(timeline, Outline("delivered", timeline))


def test_a_window_of_a_few_milliseconds_and_one_of_ten_years_can_be_drawn() -> None:
    for length_ms in (40, 316_224_000_000):
        assert drawn(Timeline(counts=(1,) + (0,) * 39, start_ms=0, end_ms=length_ms)).startswith(SIGNATURE)


def test_a_picture_goes_into_the_named_file(manifest: Path, tmp_path: Path) -> None:
    target = tmp_path / "plan.png"
    result = CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "png", "--output-file", str(target)])
    assert (result.exit_code, result.output) == (0, "")
    assert target.read_bytes().startswith(SIGNATURE)


def test_a_picture_goes_into_a_pipe(manifest: Path) -> None:
    assert CliRunner().invoke(main.app, ["plan", "-f", str(manifest), "-o", "png"]).stdout_bytes.startswith(SIGNATURE)


def test_a_terminal_is_spared_the_picture(manifest: Path, monkeypatch: pytest.MonkeyPatch, ended_with: Ended) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, said = ended_with("plan", "-f", manifest, "-o", "png")
    assert code == 2
    assert "name a file with --output-file" in said


def test_a_file_that_cannot_be_written_is_named(manifest: Path, tmp_path: Path, ended_with: Ended) -> None:
    code, said = ended_with("plan", "-f", manifest, "-o", "png", "--output-file", tmp_path / "none" / "plan.png")
    assert (code, said.count("\n")) == (2, 1)
    assert "can't be written: No such file or directory" in said


@pytest.mark.parametrize("options", [("--output-file", "plan.png"), ("-o", "png", "--times")])
def test_options_that_contradict_each_other_are_refused(manifest: Path, options: tuple[str, ...], ended_with: Ended) -> None:
    assert ended_with("plan", "-f", manifest, *options)[0] == 2
