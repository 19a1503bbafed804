"""`kubectl simulation`: the commands and their exit codes. 0: as asked; 1: the manifest can't be carried out; 2: called wrongly."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulation_cli.manifests import ManifestError, read_simulation
from simulation_cli.planning import Limits, Preview, preview
from simulation_core.clock import iso_ms, now_ms
from simulation_core.errors import SpecError

BAD_MANIFEST = 1

app = typer.Typer(help="What a Simulation will do, before it runs.", no_args_is_help=True, pretty_exceptions_enable=False)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


@app.callback()
def simulation() -> None:
    """`kubectl simulation …`; everything it does can be done with kubectl alone."""


@app.command()
def plan(
    file: Annotated[Path, typer.Option("--file", "-f", help="A manifest with one Simulation; - reads standard input.")],
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print it.")] = Output.TEXT,
    times: Annotated[bool, typer.Option("--times", help="Print every record's due time instead, one a line, in order.")] = False,
    calls_per_ten_seconds: Annotated[int, typer.Option("--calls-per-10s", min=1, help="The portal's limit.")] = 100,
    calls_per_day: Annotated[int, typer.Option("--calls-per-day", min=1, help="The portal's limit.")] = 250_000,
) -> None:
    """Plans a manifest without a cluster. Without startTime the run is planned to begin now."""
    shown = preview(read_simulation(file), Limits(ten_seconds=calls_per_ten_seconds, day=calls_per_day), now_ms=now_ms())
    if times:
        _print_times(shown)
    elif output is Output.JSON:
        typer.echo(json.dumps(shown.as_json(), indent=2))
    else:
        typer.echo(shown.as_text())


def _print_times(shown: Preview) -> None:
    """In one write a chunk: ten million lines are printed a hundred thousand at a time."""
    offsets = shown.plan.offsets_ms
    for begin in range(0, len(offsets), 100_000):
        sys.stdout.write("".join(f"{iso_ms(shown.start_ms + offset)}\n" for offset in offsets[begin : begin + 100_000].tolist()))


def main() -> None:
    try:
        app()
    except (ManifestError, SpecError) as error:
        typer.echo(f"kubectl simulation: {error}", err=True)
        raise SystemExit(BAD_MANIFEST) from None
    except BrokenPipeError:  # `… --times | head`
        sys.stderr.close()


if __name__ == "__main__":
    main()
