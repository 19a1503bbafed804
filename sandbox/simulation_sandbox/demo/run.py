"""The demo from start to end. Whatever happens, every process it started ends, unless the user asked to keep them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from simulation_sandbox import cluster
from simulation_sandbox.demo.kubectl import Kubectl
from simulation_sandbox.demo.live import follow
from simulation_sandbox.demo.plan import PlanOnPage
from simulation_sandbox.demo.proof import Proof, compare, gather
from simulation_sandbox.install import Installation, install
from simulation_sandbox.layout import CHECKOUT, Layout
from simulation_sandbox.postgres import Postgres

EXAMPLE = CHECKOUT / "examples" / "quickstart.yaml"
NAME = "spring-launch"
ENDS_WITHIN_SECONDS = 180.0
INTERRUPTED = 130


def demo(layout: Layout, installation_token: str, *, keep: bool, console: Console) -> int:
    """The exit code: 0 only if the proof holds, 1 if not; 130 after Ctrl-C or SIGTERM."""

    def report(line: str) -> None:
        console.print(f"demo: {line}", highlight=False, markup=False, soft_wrap=True)

    with _interruptible():
        try:
            with _sandbox(layout, keep=keep, report=report):
                install(layout, Installation(hubspot_url=layout.hubspot_url, token=installation_token), report)
                proof = _run(layout, console, report)
        except KeyboardInterrupt:
            report("interrupted; everything it started has been stopped")
            return INTERRUPTED
    for fault in proof.faults:
        report(f"WRONG: {fault}")
    report(proof.line)
    return 1 if proof.faults else 0


@contextmanager
def _sandbox(layout: Layout, *, keep: bool, report: cluster.Report) -> Iterator[None]:
    """Up, and afterwards down again, unless it ran before or is to be kept. Fresh data goes with it; what was there before stays."""
    ran_before, existed_before = cluster.is_running(layout), layout.root.exists()
    try:
        cluster.up(layout, report, attached=not keep and not ran_before)
        yield
    finally:
        if (ran_before or keep) and cluster.is_running(layout):
            report(f"left running: source {_shown(layout.env)}, page {layout.hubspot_url}/, stop it with make down")
        elif existed_before:
            cluster.down(layout, report)
        else:
            cluster.remove(layout, report)


def _run(layout: Layout, console: Console, report: cluster.Report) -> Proof:
    kubectl = Kubectl(layout.kubeconfig)
    kubectl("delete", "simulation", NAME, "--ignore-not-found", "--wait")
    report(f"watch the CRM fill up at {layout.hubspot_url}/")
    report(f"kubectl apply -f {_shown(EXAMPLE)}")
    kubectl("apply", "-f", str(EXAMPLE))
    database_url = Postgres(layout.postgres).url
    page = PlanOnPage(layout.hubspot_url, database_url)
    simulation = follow(kubectl, NAME, within_seconds=ENDS_WITHIN_SECONDS, console=console, at_each_look=page.look)
    report("comparing what the CRM holds with the plan")
    return compare(*gather(layout.hubspot_url, database_url, simulation["metadata"]["uid"]))


def _shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
