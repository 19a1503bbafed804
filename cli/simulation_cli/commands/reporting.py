"""report: a Simulation as one HTML page."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import typer

from simulation_cli import options, printing
from simulation_cli.exits import CalledWronglyError, ForbiddenError
from simulation_core.clock import now_ms

REPORT = """
    Write a Simulation as one HTML page with pictures: to keep, to mail, to print. It needs no network and runs no script.

    Reads the Simulation and, where you may list events, what happened lately.

    \b
    kubectl simulation report spring-launch -o report.html
    kubectl simulation report spring-launch -o - > report.html
    kubectl simulation report spring-launch -o json
    """

Target = Annotated[
    str,
    typer.Option("--output", "-o", metavar=options.FILE, help="Where the page goes: a file, - (standard output), or json for its figures."),
]


def register(app: typer.Typer, *, panel: str) -> None:
    app.command("report", help=inspect.cleandoc(REPORT), rich_help_panel=panel)(report)


def report(
    name: options.Name,
    *,
    output: Target,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli.choosing import bare  # noqa: PLC0415 - see the package
    from simulation_cli.cluster import Where, connected, simulations  # noqa: PLC0415
    from simulation_cli.cluster.events import Event, events  # noqa: PLC0415
    from simulation_cli.report import Report, page  # noqa: PLC0415

    told: list[Event] = []
    notes: list[str] = []
    with connected(Where(namespace, context, kubeconfig)) as cluster:
        simulation = simulations.get(cluster, bare(name))
        try:
            told = events(cluster, simulation)
        except ForbiddenError as error:
            notes.append(str(error))
    made = Report(simulation=simulation, now_ms=now_ms(), events=told, notes=notes)
    if output == "json":
        printing.print_json(made.as_json())
    elif output == "-":
        typer.echo(page(made), nl=False)
    else:
        _write(Path(output), page(made))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CalledWronglyError(f"--output {file} can't be written: {error.strerror or error}") from None
    typer.echo(f"{file} written", err=True)
