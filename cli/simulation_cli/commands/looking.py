"""list, wait, watch: what there is, and how it goes."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
from rich.console import Console

from simulation_cli import completing, options, printing
from simulation_cli.exits import ExitCode, NoSuchSimulationError
from simulation_cli.options import ListOutput, Output
from simulation_core.clock import now_ms

LIST = """
    List Simulations, like kubectl get, with a bar and the time that is left.

    \b
    kubectl simulation list
    kubectl simulation list -A -o wide
    kubectl simulation list -l team=growth -o json
    """
WAIT = """
    Wait until Simulations have come to something; return as well when one has ended otherwise, with exit code 9.

    \b
    kubectl simulation wait spring-launch
    kubectl simulation wait --all --for Finished --timeout 2h
    kubectl simulation wait spring-launch --for Suspended
    kubectl simulation wait spring-launch --for delete
    """
WATCH = """
    Follow a Simulation to its end: bar, planned against delivered, rate, time left, lateness, workers.

    Without a terminal it prints a line when something has changed; with -o json a JSON object a line.
    Ends with exit code 9 when the Simulation failed or was cancelled. One that is being deleted is followed until it is gone.

    \b
    kubectl simulation watch spring-launch
    kubectl simulation watch spring-launch -o json | jq .recordsPerSecond
    """

Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")]
Labels = Annotated[str | None, typer.Option("--selector", "-l", help="Only those with these labels.", show_default=False)]
For = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="WHAT",
        help="A condition or a phase, such as Complete, Finished, Suspended, Running; or delete.",
        autocompletion=completing.goals,
    ),
]


def register(app: typer.Typer, *, panel: str) -> None:
    for name, text, command in (("list", LIST, list_), ("wait", WAIT, wait), ("watch", WATCH, watch)):
        app.command(name, help=inspect.cleandoc(text), rich_help_panel=panel)(command)


def list_(
    *,
    everywhere: Everywhere = False,
    selector: Labels = None,
    output: Annotated[ListOutput, typer.Option("--output", "-o", help="How to show them.")] = ListOutput.TEXT,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli import summary  # noqa: PLC0415 - see the package
    from simulation_cli.cluster import Where, connected, simulations  # noqa: PLC0415

    with connected(Where(namespace, context, kubeconfig)) as cluster:
        found = simulations.find(cluster, selector=selector, everywhere=everywhere)
    now = now_ms()
    if output is ListOutput.JSON:
        printing.print_json({"items": [summary.as_json(each, now_ms=now) for each in found]})
    elif found:
        typer.echo("\n".join(summary.listed(found, now_ms=now, wide=output is ListOutput.WIDE, everywhere=everywhere)))
    else:
        typer.echo(f"No Simulations found in {'the cluster' if everywhere else f'namespace {cluster.namespace}'}.", err=True)


def wait(  # noqa: PLR0913
    names: options.Names = None,
    *,
    for_: For = "Complete",
    selector: options.Selector = None,
    all_: options.All = False,
    timeout: options.Timeout = None,
    output: options.As = Output.TEXT,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli import acting, summary, waiting  # noqa: PLC0415
    from simulation_cli.choosing import Choice, all_of, those_there  # noqa: PLC0415
    from simulation_cli.cluster import Where, connected  # noqa: PLC0415
    from simulation_cli.goals import DELETED, goal_named  # noqa: PLC0415

    goal, timeout_seconds = goal_named(for_), options.seconds(timeout)
    came = []
    with connected(Where(namespace, context, kubeconfig)) as cluster, printing.interruptible():
        choice = Choice(tuple(names or ()), selector, all_)
        # What is gone already was deleted, as for kubectl wait.
        found = those_there(cluster, choice) if goal is DELETED else all_of(cluster, choice)
        if not found and goal is not DELETED:
            raise NoSuchSimulationError("no Simulation is chosen by that")
        try:
            asked = [waiting.Awaited(simulation=each, goal=goal) for each in found]
            for each in waiting.wait(cluster, asked, timeout_seconds=timeout_seconds):
                came.append(each)
                if output is Output.TEXT:
                    typer.echo(each.sentence, err=bool(acting.code_of(each)))
        finally:
            if output is Output.JSON:
                shown = [{**summary.as_json(each.simulation, now_ms=now_ms()), "waited": each.outlook.name.lower()} for each in came]
                printing.print_json({"items": shown})
    raise typer.Exit(next((code for each in came if (code := acting.code_of(each))), ExitCode.DONE))


def watch(
    name: options.Name,
    *,
    output: options.As = Output.TEXT,
    operator_namespace: options.OperatorNamespace = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli import watching  # noqa: PLC0415
    from simulation_cli.choosing import bare  # noqa: PLC0415
    from simulation_cli.cluster import Where, connected  # noqa: PLC0415

    console = Console(highlight=False)
    with connected(Where(namespace, context, kubeconfig)) as cluster, printing.interruptible():
        seen = watching.moments(cluster, bare(name), operator_namespace=operator_namespace)
        if output is Output.JSON:
            last = watching.lines(seen, watching.json_line)
        elif console.is_terminal:
            last = watching.live(seen, console)
        else:
            last = watching.lines(seen, lambda moment: moment.as_line())
    if last.deleting:  # it was followed until it was gone
        typer.echo(f"{last.name} is gone", err=True)
    raise typer.Exit(ExitCode.DONE if last.deleting or last.phase == "Completed" else ExitCode.ENDED_OTHERWISE)
