"""The page: for each method its picture, the spec it was drawn from, its parameters as the CRD has them, formula and use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from distributions.examples import EXAMPLES, Example
from distributions.svg import chart
from simulation_cli.drawing import Timeline
from simulation_cli.planning import planned
from simulation_core.spec import parse_spec

CRD = Path(__file__).parents[2] / "crds/simulation.yaml"
DAY_MS = 86_400_000
PARTS_OF_A_DAY, PARTS_OF_A_WEEK = 240, 336

HEADER = """# Distributions

Generated from `crds/simulation.yaml` and the planner itself (`docs/distributions/`): each picture shows the plan of the spec beside it.

`spec.distribution` says how a Simulation's records spread over its window. `u` is the position in the window, from 0 at its start to 1 at
its end, `t` a moment in it, `f` the density. Of `n` records, record `i` (from 0) is due where `(i + ½)/n` of the density's area is reached,
but for Trickle and Random, which draw. The same spec and seed give the same times. `kubectl simulation plan -f FILE` draws the plan of your
own manifest.

"""


def written() -> dict[str, str]:
    """The text of each file, by its path below docs/reference."""
    schema = yaml.safe_load(CRD.read_text(encoding="utf-8"))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = schema["properties"]["spec"]["properties"]["distribution"]["properties"]
    sections = [_section(example, fields) for example in EXAMPLES]
    common = "## For all methods\n\n" + _parameters({"timeZone": fields["timeZone"]}, prefix="")
    pictures = {f"distributions/{example.picture}.svg": chart(_planned(example), example.title) for example in EXAMPLES}
    return {"distributions.md": HEADER + "\n".join([_index(), *sections, common]), **pictures}


def _planned(example: Example) -> Timeline:
    """Its plan in finer parts than the status has: six minutes in a day, half an hour in a week."""
    spec = parse_spec(yaml.safe_load(example.spec))
    shown = planned(spec, now_ms=0, seed=spec.seed or 0)
    parts = PARTS_OF_A_DAY if shown.window_ms <= DAY_MS else PARTS_OF_A_WEEK
    of_record = np.minimum(shown.plan.offsets_ms * parts // shown.window_ms, parts - 1)
    counts = tuple(np.bincount(of_record, minlength=parts).tolist())
    return Timeline(counts=counts, start_ms=shown.start_ms, end_ms=shown.start_ms + shown.window_ms, zone=spec.distribution.time_zone)


def _index() -> str:
    rows = "".join(f"| [{each.title}](#{each.title.lower().replace(' ', '-')}) | {each.use} |\n" for each in EXAMPLES)
    return f"| method | when to use it |\n|---|---|\n{rows}"


def _section(example: Example, fields: dict[str, Any]) -> str:
    snippet = "\n".join(f"  {line}" for line in example.spec.splitlines())
    parameters = "It has no parameters.\n"
    if example.member is not None:
        parameters = _parameters(fields[example.member]["properties"], prefix=f"{example.member}.")
    return (
        f"## {example.title}\n\n{example.use}\n\n![{example.title}](distributions/{example.picture}.svg)\n\n"
        f"```yaml\nspec:\n{snippet}\n```\n\n`{example.formula}`\n\n{parameters}"
    )


def _parameters(fields: dict[str, Any], *, prefix: str) -> str:
    rows = [f"| `{prefix}{name}` | {_default(field)} | {_range(field)} | {field['description']} |\n" for name, field in _leaves(fields)]
    return "| parameter | default | range | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _leaves(fields: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Fields, and those of a list's objects."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, field in fields.items():
        found.append((name, field))
        inner = field.get("items", {}).get("properties", {})
        found.extend((f"{name}[].{inside}", part) for inside, part in inner.items())
    return found


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if isinstance(default, list):
        return ", ".join(default) or "none"
    return "required" if default is None else str(default)


def _range(field: dict[str, Any]) -> str:
    if field["type"] == "array":
        names = field["items"].get("enum")
        return f"{names[0]} … {names[-1]}" if names else f"at most {field['maxItems']}"
    if field["type"] == "string":
        return f"at most {field['maxLength']} characters"
    return f"{field['minimum']} … {field['maximum']:,}"
