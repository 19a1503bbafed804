"""Options that several commands share."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulation_cli import completing
from simulation_cli.exits import CalledWronglyError

FILE = "FILE"  # in the help, and for completion
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)([smhd]))+")


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


class ListOutput(StrEnum):
    TEXT = "text"
    WIDE = "wide"
    JSON = "json"


File = Annotated[
    Path, typer.Option("--file", "-f", metavar=FILE, help="A manifest with one Simulation; - reads standard input.", show_default=False)
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Its namespace, if not the context's.", autocompletion=completing.namespaces, show_default=False
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="A context of the kubeconfig (if not its current one).",
        autocompletion=completing.contexts,
        show_default=False,
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar=FILE, help="The kubeconfig (if not KUBECONFIG, else ~/.kube/config).", show_default=False),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        help="Compare with the Simulation of this name in the cluster.",
        autocompletion=completing.simulations,
        show_default=False,
    ),
]
PictureFile = Annotated[
    Path | None,
    typer.Option("--output-file", metavar=FILE, help="Where the picture of -o png goes (if not to standard output).", show_default=False),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The Simulation.", autocompletion=completing.simulations, show_default=False)]
MaybeName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The Simulation.", autocompletion=completing.simulations, show_default=False)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="The Simulations.", autocompletion=completing.simulations, show_default=False),
]
Selector = Annotated[str | None, typer.Option("--selector", "-l", help="Those with these labels, as for kubectl.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All of the namespace.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return only when it is done.")]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="How long to wait at most: 90s, 5m, 1h30m (if not for ever).", show_default=False),
]
OperatorNamespace = Annotated[
    str | None,
    typer.Option("--operator-namespace", help="Where the operator is installed (if you may not look into all).", show_default=False),
]
As = Annotated[Output, typer.Option("--output", "-o", help="How to show it.")]


def seconds(duration: str | None, option: str = "--timeout") -> float | None:
    """1h30m as kubectl writes it; a bare number is seconds. None stays None: for ever."""
    if duration is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", duration):
        return float(duration)
    if not _DURATION.fullmatch(duration):
        raise CalledWronglyError(f"{option} {duration!r} is no duration: write 90s, 5m, 1h30m")
    return sum(float(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", duration))
