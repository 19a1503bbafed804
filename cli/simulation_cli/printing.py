"""Onto standard output or into a file, as the place allows it."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, RenderableType

from simulation_cli.drawing import Outline
from simulation_cli.exits import CalledWronglyError
from simulation_cli.planning import Preview
from simulation_core.clock import iso_ms

PIPED_COLUMNS = 100
LINES_A_WRITE = 100_000
INTERRUPTED = 130  # 128 and SIGINT's number


PICTURE_PARTS = 168  # a week in hours


def survive_any_encoding() -> None:
    """Where standard output can't carry the blocks and dashes, question marks are better than a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is how what goes on for long is left: no word is lost about it, and the exit code is the shell's own."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def columns() -> int:
    """The terminal's width; where there is none, what a page takes."""
    return shutil.get_terminal_size(fallback=(PIPED_COLUMNS, 0)).columns


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_times(shown: Preview) -> None:
    """Ten million lines are printed a hundred thousand at a time."""
    offsets = shown.plan.offsets_ms
    for begin in range(0, len(offsets), LINES_A_WRITE):
        stretch = offsets[begin : begin + LINES_A_WRITE].tolist()
        sys.stdout.write("".join(f"{iso_ms(shown.start_ms + offset)}\n" for offset in stretch))


def print_rich(content: RenderableType) -> None:
    """In colour on a terminal, plain elsewhere; without the blanks by which tables fill their columns."""
    console = Console(width=columns(), highlight=False)
    with console.capture() as printed:
        console.print(content)
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def refuse_binary_on_a_terminal(file: Path | None) -> None:
    """Before anything is computed."""
    if file is None and sys.stdout.isatty():
        raise CalledWronglyError("-o png would fill the terminal with binary data: name a file with --output-file, or redirect the output")


def print_picture(shown: Preview, outlines: Sequence[Outline], *, name: str | None, file: Path | None) -> None:
    """As PNG to `file`, or to standard output. The file is only touched once the picture is whole."""
    from simulation_cli.drawing import png  # noqa: PLC0415 - matplotlib takes a second to load, and only pictures need it

    spec = shown.spec
    title = f"{name or 'Simulation'}: {spec.total_records:,} {spec.scenario} records, {spec.distribution.method}"
    picture = io.BytesIO()
    timeline = shown.timeline if outlines else shown.drawn(at_most=PICTURE_PARTS)  # a cluster's line is drawn on the scale of its own 40
    png.write(picture, timeline, title=title, outlines=outlines)
    if file is None:
        typer.get_binary_stream("stdout").write(picture.getvalue())
        return
    try:
        file.write_bytes(picture.getvalue())
    except OSError as error:
        raise CalledWronglyError(f"--output-file {file} can't be written: {error.strerror or error}") from None
