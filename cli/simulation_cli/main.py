"""`kubectl simulation`: the commands. Their exit codes are those of `exits.ExitCode`, which --help lists."""

from __future__ import annotations

import sys
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from simulation_cli import options, printing
from simulation_cli.commands import installed, looking, reporting, verbs
from simulation_cli.exits import CalledWronglyError, described, exit_code_of
from simulation_cli.manifests import read_simulation
from simulation_cli.options import Output
from simulation_cli.planning import Limits, Tier, limits_of, preview
from simulation_core.clock import now_ms
from simulation_core.errors import SimulationError
from simulation_core.portals import MOST_CALLS_PER_DAY, MOST_CALLS_PER_TEN_SECONDS
from simulation_core.spec import MAX_SEED, Spec

if TYPE_CHECKING:
    from simulation_cli.comparing import Comparison

BEFORE, LOOKING, CHANGING, INSTALLED = "Before it runs", "How it goes", "Changing its course", "The installation"

app = typer.Typer(
    help="Simulations: what they will do before they run, how they go on, and what became of them.",
    epilog=described(),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


class PlanOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    PNG = "png"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"kubectl-simulation {metadata.version('simulation-operator')}")
        raise typer.Exit


@app.callback()
def simulation(
    *, _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is, and exit.")] = False
) -> None:
    """`kubectl simulation …`; everything it does can be done with kubectl alone."""


@app.command(rich_help_panel=BEFORE)
def plan(  # noqa: PLR0913 - a command's options are its parameters
    file: options.File,
    *,
    output: Annotated[PlanOutput, typer.Option("--output", "-o", help="How to show it; png draws a picture.")] = PlanOutput.TEXT,
    output_file: options.PictureFile = None,
    times: Annotated[bool, typer.Option("--times", help="Print every record's due time instead, one a line, in order.")] = False,
    tier: Annotated[Tier, typer.Option("--tier", help="HubSpot's limits of this tier.")] = Tier.FREE,
    calls_per_ten_seconds: Annotated[
        int | None,
        typer.Option("--calls-per-10s", min=1, max=MOST_CALLS_PER_TEN_SECONDS, help="If not the tier's.", show_default=False),
    ] = None,
    calls_per_day: Annotated[
        int | None, typer.Option("--calls-per-day", min=1, max=MOST_CALLS_PER_DAY, help="If not the tier's.", show_default=False)
    ] = None,
    against: options.Against = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Plans a manifest: when its records are due, and whether the portal can take them. Only --against asks a cluster.

    Without startTime the run is planned to begin now, or when the Simulation of --against began.
    """
    if output is PlanOutput.PNG:
        _refuse(times, "--times prints text: leave out -o png")
        printing.refuse_binary_on_a_terminal(output_file)
    else:
        _refuse(output_file is not None, "--output-file is for the picture of -o png; redirect what is text")
    _refuse(times and output is PlanOutput.JSON, "--times prints one time a line: leave out -o json, or --times")
    _refuse(against is None and (namespace, context, kubeconfig) != (None, None, None), "only --against asks a cluster: name a Simulation")
    manifest, limits = read_simulation(file), limits_of(tier, calls_per_ten_seconds, calls_per_day)
    comparison = None if against is None else _compare(manifest.spec, limits, against, namespace, context, kubeconfig)
    shown = preview(manifest.spec, limits, now_ms=(now := now_ms()), clock_ms=now) if comparison is None else comparison.shown
    if times:
        printing.print_times(shown)
    elif output is PlanOutput.PNG:
        printing.print_picture(shown, () if comparison is None else comparison.outlines, name=manifest.name, file=output_file)
    elif output is PlanOutput.JSON:
        printing.print_json(shown.as_json() | ({} if comparison is None else {"against": comparison.as_json()}))
    else:
        lines = shown.as_lines(columns=printing.columns())
        typer.echo("\n".join(lines if comparison is None else [*lines, "", *comparison.as_lines(columns=printing.columns())]))


@app.command(rich_help_panel=BEFORE)
def sample(
    file: options.File,
    *,
    records: Annotated[int, typer.Option("--records", "-r", min=1, max=1000, help="How many.")] = 5,
    output: options.As = Output.TEXT,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Another seed than spec.seed.", show_default=False)] = None,
    uid: Annotated[UUID | None, typer.Option(help="Whose records to show: the uid of a Simulation.", show_default=False)] = None,
) -> None:
    """Shows the first records as they would be created: companies, contacts, keys and due times. No cluster is asked."""
    from simulation_cli import sampling  # noqa: PLC0415 - only this command needs Faker

    shown = sampling.sample(read_simulation(file).spec, sampling.Run(seed=seed, uid=uid), count=records, now_ms=now_ms())
    if output is Output.JSON:
        printing.print_json(shown.as_json())
    else:
        printing.print_rich(shown.as_rich())


looking.register(app, panel=LOOKING)
reporting.register(app, panel=LOOKING)
verbs.register(app, panel=CHANGING)
installed.register(app, panel=INSTALLED)


def _compare(spec: Spec, limits: Limits, name: str, namespace: str | None, context: str | None, kubeconfig: Path | None) -> Comparison:
    from simulation_cli.cluster import Where, get_simulation  # noqa: PLC0415 - Kubernetes' client takes a second to load
    from simulation_cli.comparing import compare  # noqa: PLC0415

    return compare(spec, limits, get_simulation(name, Where(namespace, context, kubeconfig)), now_ms=now_ms())


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise CalledWronglyError(message)


def main() -> None:
    printing.survive_any_encoding()
    try:
        app()
    except SimulationError as error:
        typer.echo(f"kubectl simulation: {error}", err=True)
        raise SystemExit(exit_code_of(error)) from None
    except BrokenPipeError:  # `… --times | head`
        sys.stderr.close()


if __name__ == "__main__":
    main()
