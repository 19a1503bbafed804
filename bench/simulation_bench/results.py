"""bench/results.json: {section: {figure: …}}, and under "machine", by section too, on what each was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulation_bench.figures import Figure

FILE = Path(__file__).parents[1] / "results.json"
MACHINE = "machine"


def updated(before: Mapping[str, Any], section: str, figures: Mapping[str, Figure], machine: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content with this section replaced; the other sections stay."""
    return {
        **before,
        MACHINE: {**before.get(MACHINE, {}), section: dict(machine)},
        section: {name: figure.as_json() for name, figure in figures.items()},
    }


def read(file: Path = FILE) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return content


def write(content: Mapping[str, Any], file: Path = FILE) -> None:
    file.write_text(json.dumps(content, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def table(section: str, figures: Mapping[str, Figure]) -> Iterator[str]:
    """One line a figure."""
    yield f"{section:<36}{'ours':>12}{'peer':>12}{'ratio':>9}  {'unit':<10} lowest … highest"
    for name, figure in figures.items():
        shown = figure.as_json()
        cells = ("–" if shown[key] is None else f"{shown[key]:g}" for key in ("ours", "peer", "ratio"))
        ours, peer, ratio = cells
        yield f"  {name:<34}{ours:>12}{peer:>12}{ratio:>9}  {figure.unit:<10} {shown['spread'][0]:g} … {shown['spread'][1]:g}"
