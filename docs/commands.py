"""The page of commands, made of what `--help` says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from simulation_cli.exits import ExitCode
from simulation_cli.main import app

HEADER = """# kubectl simulation

Generated from the commands' own help texts. Everything they do can be done with kubectl alone; `NAME` may be written `simulation/NAME`, as
kubectl prints it.

Tab after `kubectl simulation` is kubectl's own completion (`source <(kubectl completion bash)`, or `zsh`, `fish`): it runs the program
`kubectl_complete-simulation`, which is installed beside `kubectl-simulation` and has to be on the `PATH` as well. Offered are commands,
options and their values, Simulations and namespaces of the cluster, and contexts of the kubeconfig. `kubectl-simulation
--install-completion` is only for somebody who types that name with its hyphen.

How they go together: [Following and steering a Simulation](../how-to/follow-and-steer.md).
"""
VERBATIM = "\b\n"


def commands_page() -> str:
    group: Any = get_command(app)
    context = typer.Context(group, info_name="kubectl simulation")
    parts = [
        HEADER,
        *_commands(group, context),
        "## Exit codes\n",
        _table(("code", "meaning"), ((str(each.value), each.meaning) for each in ExitCode)),
    ]
    return "\n".join(parts)


def _commands(group: Any, context: typer.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        its = typer.Context(command, info_name=name, parent=context)
        records = [
            record for parameter in command.get_params(its) if (record := parameter.get_help_record(its)) and "--help" not in record[0]
        ]
        usage = " ".join(command.collect_usage_pieces(its)).translate({ord("{"): None, ord("}"): None})
        yield f"## {name}\n\n```\nkubectl simulation {name} {usage}\n```\n"
        yield _prose(command.help)
        yield _table(("option", "meaning"), ((f"`{option}`", meaning) for option, meaning in records))


def _prose(text: str) -> str:
    """What stands verbatim in the help stands in a block of code here."""
    return (
        "".join(
            f"```\n{part.removeprefix(VERBATIM)}\n```\n\n" if part.startswith(VERBATIM) else f"{part}\n\n" for part in text.split("\n\n")
        ).rstrip("\n")
        + "\n"
    )


def _table(head: tuple[str, str], rows: Iterator[tuple[str, str]]) -> str:
    lines = [f"| {left} | {right} |" for left, right in (head, ("---", "---"))]
    return (
        "\n".join([*lines, *(f"| {left.replace('|', chr(92) + '|')} | {right.replace('|', chr(92) + '|')} |" for left, right in rows)])
        + "\n"
    )
