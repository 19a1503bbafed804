"""Writes the reference pages that follow from the code. `make verify` runs it and fails where a page drifted."""

from __future__ import annotations

from pathlib import Path

import commands
import distributions
import metrics

from simulation_core.reasons import Reason

REFERENCE = Path(__file__).parent / "reference"

HEADER = """# Reasons

Generated from `simulation_core/reasons.py`. Each is what a condition of a Simulation, an Event or a metric may give as its reason.

| reason | meaning |
|---|---|
"""


def reasons_page() -> str:
    return HEADER + "".join(f"| `{reason.value}` | {reason.meaning} |\n" for reason in Reason)


def main() -> None:
    pages = {"reasons.md": reasons_page(), "cli.md": commands.commands_page(), "metrics.md": metrics.metrics_page()}
    for path, text in {**pages, **distributions.written()}.items():
        (REFERENCE / path).parent.mkdir(exist_ok=True)
        (REFERENCE / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
