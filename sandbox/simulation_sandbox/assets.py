"""The control plane's programs: where they are, and building them once from the Go modules pinned in toolchain/."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.gobinary import find_go
from simulation_sandbox.locks import only_one
from simulation_sandbox.processes import Child

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[str], None]

TOOLCHAIN = Path(__file__).with_name("toolchain")
PROGRAMS = ("etcd", "helm", "kube-apiserver", "kube-controller-manager")
BUILD_WITHIN_SECONDS = 3600.0
REPORT_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Assets:
    """A folder with the four programs in it."""

    folder: Path

    @property
    def etcd(self) -> Path:
        """`go install` names it after its package's last folder, so a folder of somebody else's making may have it as `server`."""
        named = self.folder / "etcd"
        return named if named.exists() else self.folder / "server"

    @property
    def helm(self) -> Path:
        return self.folder / "helm"

    @property
    def kube_apiserver(self) -> Path:
        return self.folder / "kube-apiserver"

    @property
    def kube_controller_manager(self) -> Path:
        return self.folder / "kube-controller-manager"

    @property
    def missing(self) -> list[str]:
        programs = (self.etcd, self.helm, self.kube_apiserver, self.kube_controller_manager)
        return [program.name for program in programs if not os.access(program, os.X_OK)]


def cache_folder() -> Path:
    """Ours in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "simulation-operator"


def pinned_folder() -> Path:
    """Where this checkout's programs are cached: other pins, another folder."""
    pins = b"".join((TOOLCHAIN / name).read_bytes() for name in ("go.mod", "go.sum"))
    return cache_folder() / "assets" / hashlib.sha256(pins).hexdigest()[:16]


def find() -> Assets:
    """What is there already, without building: SANDBOX_ASSETS, else the cache. PartUnavailableError if neither has them."""
    given = os.environ.get("SANDBOX_ASSETS")
    assets = Assets(Path(given).expanduser().resolve()) if given else Assets(pinned_folder())
    if not assets.missing:
        return assets
    if given:
        raise PartUnavailableError(f"control plane: SANDBOX_ASSETS={given} lacks {', '.join(assets.missing)}")
    raise PartUnavailableError("control plane: not built yet, run `make setup` (once, 6 to 8 minutes on 2 cores)")


def ensure(report: Report) -> Assets:
    """What is there, or built now. Two builds at once: the second waits for the first and uses what it made."""
    try:
        return find()
    except PartUnavailableError:
        if os.environ.get("SANDBOX_ASSETS"):
            raise
    folder = pinned_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    wait_message = "another build of the control plane is under way: waiting for it"
    with only_one(folder.with_suffix(".lock"), waiting=lambda: report(wait_message)):
        assets = Assets(folder)
        if assets.missing:
            _build_into(folder, report)
    return assets


def _build_into(folder: Path, report: Report) -> None:
    """Builds beside `folder` and renames: the folder is there complete, or not at all."""
    go = find_go(cache_folder(), report)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
    try:
        _Build(go, unfinished, report).run()
        (unfinished / "bin" / "server").rename(unfinished / "bin" / "etcd")
        missing = Assets(unfinished / "bin").missing
        if missing:
            raise SandboxError(f"the build made no {', '.join(missing)}")
        if folder.exists():
            shutil.rmtree(folder)
        (unfinished / "bin").rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    report(f"control plane ready in {folder}")


class _Build:
    """One `go install tool`, telling how far it is."""

    def __init__(self, go: Path, folder: Path, report: Report) -> None:
        self._go = go
        self._folder = folder
        self._report = report
        self._began = time.monotonic()

    def run(self) -> None:
        self._report(f"building the control plane ({', '.join(PROGRAMS)}) with {self._go}: once, 6 to 8 minutes on 2 cores")
        packages = self._listed_packages()
        install = ["install", "-v", "-trimpath", f"-ldflags={link_flags()}", "tool"]
        self._go_and_tell(install, "build", lambda lines: f"compiled {_compiled(lines)} of at most {packages} packages")

    def _listed_packages(self) -> int:
        """Fetches the modules on the way."""
        lines = self._go_and_tell(["list", "-deps", "tool"], "modules", lambda lines: f"fetched {len(lines) - _compiled(lines)} modules")
        return _compiled(lines)

    def _go_and_tell(self, arguments: list[str], name: str, progress: Callable[[list[str]], str]) -> list[str]:
        log = self._folder / f"{name}.log"
        environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(self._folder / "bin"), "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        environment.setdefault("HOME", str(Path.home()))
        child = Child.spawn([self._go, *arguments], log=log, env=environment, cwd=TOOLCHAIN)
        try:
            while child.alive:
                self._pause(child)
                if child.alive:
                    self._report(f"{progress(log.read_text().splitlines())} ({time.monotonic() - self._began:.0f} s)")
            child.expect_success(within_seconds=0)
        finally:
            child.stop()
        return log.read_text().splitlines()

    def _pause(self, child: Child) -> None:
        if time.monotonic() - self._began > BUILD_WITHIN_SECONDS:
            raise SandboxError(f"building the control plane took more than {BUILD_WITHIN_SECONDS:.0f} s: {child.last_words()}")
        try:
            child.wait(REPORT_EVERY_SECONDS)
        except TimeoutError:
            return


def _compiled(lines: list[str]) -> int:
    """`go install -v` names a package a line; the go command's own lines (go: downloading …) aren't packages."""
    return sum(1 for line in lines if not line.startswith("go: "))


def link_flags() -> str:
    """Without them the programs call themselves v0.0.0, which clients and charts refuse."""
    pin = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (TOOLCHAIN / "go.mod").read_text())
    if pin is None:
        raise SandboxError(f"{TOOLCHAIN / 'go.mod'} doesn't pin k8s.io/kubernetes")
    values = {"gitVersion": pin[1], "gitMajor": pin[2], "gitMinor": pin[3]}
    return " ".join(["-s", "-w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())])
