"""`simulation-sandbox node`: the process node in the foreground."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from simulation_sandbox.node.node import ProcessNode

if TYPE_CHECKING:
    from pathlib import Path


def run_node(kubeconfig: Path, folder: Path, bin_dir: Path, name: str, *, keys: Path | None = None) -> None:
    """Runs a cluster's pods as local processes until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each call
    ProcessNode(kubeconfig, folder, bin_dir, name, keys=keys).run()
