"""`kubectl_complete-simulation`: kubectl runs the program of this name to complete what follows `kubectl simulation`."""

from __future__ import annotations

import os
import shlex
import sys

from simulation_cli.main import app

# To kubectl: nothing special. Where nothing was offered, the shell completes names of files.
DEFAULT_DIRECTIVE = ":0"


def main() -> None:
    """The arguments are the words so far, the last one perhaps empty. One offer a line, then the directive."""
    words = sys.argv[1:]
    asked = {"COMP_WORDS": shlex.join(["kubectl-simulation", *words]), "COMP_CWORD": str(max(1, len(words)))}
    os.environ.update(asked, _KUBECTL_SIMULATION_COMPLETE="complete_bash")
    try:
        app(prog_name="kubectl-simulation")
    except SystemExit:
        print(DEFAULT_DIRECTIVE)


if __name__ == "__main__":
    main()
