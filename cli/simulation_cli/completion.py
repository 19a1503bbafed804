"""`kubectl_complete-simulation`: kubectl runs the program of this name to complete what follows `kubectl simulation`."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from typing import Any

from typer.main import get_command

from simulation_cli.main import app
from simulation_cli.options import FILE

# Cobra's directives. Where nothing is offered, the shell may complete names of files, or must not.
FILES, NO_FILES = ":0", ":4"


def main() -> None:
    """The arguments are the words so far, the last one perhaps empty. One offer a line, then the directive."""
    words = sys.argv[1:]
    asked = {"COMP_WORDS": shlex.join(["kubectl-simulation", *words]), "COMP_CWORD": str(max(1, len(words)))}
    os.environ.update(asked, _KUBECTL_SIMULATION_COMPLETE="complete_bash")
    with redirect_stdout(io.StringIO()) as offered, suppress(SystemExit):
        app(prog_name="kubectl-simulation")
    for line in (*filter(None, offered.getvalue().splitlines()), FILES if _a_file_is_meant(words) else NO_FILES):
        print(line)


def _a_file_is_meant(words: Sequence[str]) -> bool:
    """By the option before the last word, or in it (--file=…): what takes a file says so in its help."""
    group: Any = get_command(app)
    command = group.commands.get(words[0]) if words else None
    option = words[-1].partition("=")[0] if words and "=" in words[-1] else "".join(words[-2:-1])
    return command is not None and any(option in parameter.opts and parameter.metavar == FILE for parameter in command.params)


if __name__ == "__main__":
    main()
