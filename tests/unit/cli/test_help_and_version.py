"""What everybody tries first."""

from __future__ import annotations

from importlib import metadata

import pytest
from typer.testing import CliRunner

from simulation_cli import main


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["wait", "-h"], ["suspend", "-h"]])
def test_help_has_a_short_form(words: list[str]) -> None:
    shown = CliRunner().invoke(main.app, words)
    assert (shown.exit_code, "Usage:" in shown.output) == (0, True)


def test_the_version_is_that_of_the_package() -> None:
    shown = CliRunner().invoke(main.app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"kubectl-simulation {metadata.version('simulation-operator')}\n")
