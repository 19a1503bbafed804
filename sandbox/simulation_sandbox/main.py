"""`simulation-sandbox`: the sandbox's commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulation_sandbox import assets as built
from simulation_sandbox import cluster
from simulation_sandbox.errors import SandboxError
from simulation_sandbox.install import Installation, install
from simulation_sandbox.layout import DEFAULT, Layout, State
from simulation_sandbox.parts import NODE_NAME

app = typer.Typer(
    help="A laptop cluster of real parts, without Docker or root.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Option(help="Where the sandbox keeps its state.", envvar="SIMULATION_SANDBOX_FOLDER")]


DUMMY_TOKEN = "sandbox"  # noqa: S105 - the emulator takes any


def report(line: str) -> None:
    typer.echo(f"sandbox: {line}")


@app.command()
def assets(where: Annotated[bool, typer.Option("--where", help="Print their folder, for scripts.")] = False) -> None:
    """Builds the control plane's programs, unless they are there already."""
    found = built.ensure(report_aside if where else report)
    if where:
        typer.echo(found.folder)


def report_aside(line: str) -> None:
    typer.echo(f"sandbox: {line}", err=True)


@app.command()
def up(
    folder: Folder = DEFAULT.root,
    hubspot_url: Annotated[str, typer.Option(help="Deliver to this HubSpot-compatible server.", envvar="HUBSPOT_URL")] = "",
    hubspot_token: Annotated[str, typer.Option(help="Its token; without one a dummy.", envvar="HUBSPOT_TOKEN", show_default=False)] = "",
) -> None:
    """Starts the sandbox, or what of it isn't running, and installs the chart in it."""
    layout = Layout(folder.resolve())
    if hubspot_url and not hubspot_url.startswith(("http://", "https://")):
        raise SandboxError(f"HUBSPOT_URL {hubspot_url!r} must begin with http:// or https://; leave it out for the emulator")
    cluster.up(layout, report, hubspot_url=hubspot_url or None)
    install(layout, Installation(hubspot_url=hubspot_url or layout.hubspot_url, token=hubspot_token or DUMMY_TOKEN), report)
    report(f"up; the CRM is at {hubspot_url or layout.hubspot_url}/")
    report(f"next: source {layout.env} && kubectl apply -f examples/quickstart.yaml && kubectl get simulations --watch")


@app.command()
def down(folder: Folder = DEFAULT.root, delete: Annotated[bool, typer.Option(help="Delete its data as well.")] = False) -> None:
    """Stops the sandbox."""
    layout = Layout(folder.resolve())
    if delete:
        cluster.remove(layout, report)
    else:
        cluster.down(layout, report)


@app.command()
def status(folder: Folder = DEFAULT.root) -> None:
    """What runs; exit code 3 if nothing does."""
    state = State.load(Layout(folder.resolve()).state)
    if state is None or not state.supervisor.alive:
        report("not running")
        raise typer.Exit(3)
    report(f"{state.doing} (supervisor pid {state.supervisor.pid})")
    for name, process in state.parts.items():
        report(f"{name}: pid {process.pid}, {'alive' if process.alive else 'gone'}")


@app.command()
def demo(
    folder: Folder = DEFAULT.root,
    keep: Annotated[bool, typer.Option(help="Leave the sandbox running afterwards.", envvar="KEEP")] = False,
) -> None:
    """The whole product once, live: sandbox, chart, an example, and the proof that it did what was planned."""
    from simulation_sandbox.demo.run import demo as run_demo  # noqa: PLC0415 - only this command needs it

    raise typer.Exit(run_demo(Layout(folder.resolve()), DUMMY_TOKEN, keep=keep, console=Console()))


@app.command()
def hubspot(
    port: Annotated[int, typer.Option(help="0: any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Whose address to listen on.")] = "127.0.0.1",
) -> None:
    """Serves the HubSpot emulator alone, until interrupted."""
    from simulation_sandbox.hubspot.server import serve  # noqa: PLC0415 - only this command needs it

    serve(host, port, report=report)


@app.command()
def model(
    port: Annotated[int, typer.Option(help="0: any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Whose address to listen on.")] = "127.0.0.1",
) -> None:
    """Serves a language model that writes by rules, with OpenAI's API, until interrupted."""
    from simulation_sandbox.model.server import serve  # noqa: PLC0415 - only this command needs it

    serve(host, port, report=report)


@app.command()
def node(
    kubeconfig: Annotated[Path, typer.Option(help="An administrator's.")],
    folder: Annotated[Path, typer.Option(help="Where the pods' folders go.")],
    bin_dir: Annotated[Path, typer.Option(help="Where the containers' commands are.")] = Path(sys.executable).parent,
    name: Annotated[str, typer.Option(help="The Node's name.")] = NODE_NAME,
    keys: Annotated[Path | None, typer.Option(help="The folder of the cluster's own keys: with them, `kubectl logs` works.")] = None,
) -> None:
    """Serves the process node, which stands in for the kubelet, until interrupted."""
    from simulation_sandbox.node.command import run_node  # noqa: PLC0415 - only this command needs it

    run_node(kubeconfig, folder, bin_dir, name, keys=keys)


def main() -> None:
    try:
        app()
    except SandboxError as error:
        typer.echo(f"sandbox: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
