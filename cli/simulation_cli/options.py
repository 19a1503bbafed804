"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Option("--file", "-f", help="A manifest with one Simulation; - reads standard input.", show_default=False)]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Its namespace, if not the context's.", show_default=False)]
Context = Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig (if not its current one).", show_default=False)]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="The kubeconfig (if not KUBECONFIG, else ~/.kube/config).", show_default=False)
]
PictureFile = Annotated[
    Path | None, typer.Option("--output-file", help="Where the picture of -o png goes (if not to standard output).", show_default=False)
]
