"""portals, logs: what the administrator installed, as far as the person may look."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simulation_cli import log_lines, options, printing
from simulation_cli.options import Output

if TYPE_CHECKING:
    from simulation_cli.cluster import Cluster
    from simulation_cli.cluster.pod_logs import Extent, Line

NOTHING_SAID = "the pods that are there say nothing of it; what others have said is gone with them. `kubectl describe` has its Events"

PORTALS = """
    Show the portals: limits, who may use them, the account behind each, what is left of the day, and what is wrong.

    Reads the chart's ConfigMap (get and list configmaps), the Simulations (list simulations) and one worker's metrics (list pods, get
    pods/proxy); without one of these rights the rest is shown, and a note says which is missing.

    \b
    kubectl simulation portals
    kubectl simulation portals --operator-namespace simulation -o json
    """
LOGS = """
    Show the logs of operator, scheduler and workers, in the order of time; with NAME only lines about that Simulation.

    Needs the rights to list pods and to get pods/log where the operator is installed.

    \b
    kubectl simulation logs spring-launch -f
    kubectl simulation logs -c worker --since 10m
    kubectl simulation logs -o json | jq 'select(.level == "error")'
    """


class Component(StrEnum):
    OPERATOR = "operator"
    SCHEDULER = "scheduler"
    WORKER = "worker"


Chosen = Annotated[Component | None, typer.Option("--component", "-c", help="Only these pods.", show_default=False)]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come, until Ctrl-C.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DURATION", help="Only the last 30s, 10m, 2h.", show_default=False)]
Tail = Annotated[int | None, typer.Option("--tail", min=0, help="Only the last lines of each pod.", show_default=False)]


def register(app: typer.Typer, *, panel: str) -> None:
    for name, text, command in (("portals", PORTALS, portals), ("logs", LOGS, logs)):
        app.command(name, help=inspect.cleandoc(text), rich_help_panel=panel)(command)


def portals(
    *,
    output: options.As = Output.TEXT,
    operator_namespace: options.OperatorNamespace = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli import portals as showing  # noqa: PLC0415 - see the package
    from simulation_cli import surveying  # noqa: PLC0415
    from simulation_cli.cluster import Where, connected  # noqa: PLC0415

    with connected(Where(namespace, context, kubeconfig)) as cluster:
        found, notes = surveying.survey(cluster, operator_namespace)
    if output is Output.JSON:
        printing.print_json({"portals": [each.as_json() for each in found], "notes": notes})
        return
    typer.echo("\n".join(showing.as_lines(found)) if found else "No portal is seen.")
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def logs(  # noqa: PLR0913 - a command's options are its parameters
    name: options.MaybeName = None,
    *,
    component: Chosen = None,
    follow: Follow = False,
    since: Since = None,
    tail: Tail = None,
    output: options.As = Output.TEXT,
    operator_namespace: options.OperatorNamespace = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    from simulation_cli.cluster import Where, connected, pod_logs  # noqa: PLC0415

    seconds = options.seconds(since, "--since")
    extent = pod_logs.Extent(None if seconds is None else max(1, round(seconds)), tail)
    with connected(Where(namespace, context, kubeconfig)) as cluster, printing.interruptible():
        wanted = _wanted(cluster, name)
        if follow:
            lines: Iterable[Line] = pod_logs.follow(cluster, operator_namespace, component, extent)
        else:
            lines = _sorted(cluster, operator_namespace, component, extent)
        shown = False
        for line in lines:
            if not line.is_said:
                typer.echo(f"note: {line.text}", err=True)
            elif wanted(line.text):
                shown = True
                typer.echo(_json(line) if output is Output.JSON else f"{line.pod.name}  {line.text}")
        if name is not None and not shown:
            typer.echo(f"note: {NOTHING_SAID}", err=True)


def _wanted(cluster: Cluster, name: str | None) -> Callable[[str], object]:
    from simulation_cli.choosing import bare  # noqa: PLC0415
    from simulation_cli.cluster import simulations  # noqa: PLC0415

    if name is None:
        return lambda _: True
    simulation = simulations.get(cluster, bare(name))
    return log_lines.speaks_of(simulation.namespace, simulation.name, simulation.uid).search


def _sorted(cluster: Cluster, namespace: str | None, component: str | None, extent: Extent) -> list[Line]:
    """A pod's own lines stay in their order."""
    from simulation_cli.cluster import installation, pod_logs  # noqa: PLC0415

    found = installation.pods(cluster, namespace, component)
    if not found:
        typer.echo("No pod of a simulation operator is seen.", err=True)
    timed = []
    for pod in found:
        lines = pod_logs.read(cluster, pod, extent)
        timed += list(zip(log_lines.times(line.text for line in lines), lines, strict=True))
    return [line for _, line in sorted(timed, key=lambda pair: pair[0])]


def _json(line: Line) -> str:
    pod = {"namespace": line.pod.namespace, "pod": line.pod.name, "component": line.pod.component}
    return json.dumps({**pod, **log_lines.fields(line.text)}, ensure_ascii=False)
