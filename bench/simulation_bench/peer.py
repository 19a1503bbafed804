"""The peer: BullMQ, run by Node. Installed once into the user's cache folder, from versions and checksums pinned in bench/peer.

Where Node, npm or the network is missing there is no peer, and ours is measured alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulation_sandbox.assets import cache_folder

SOURCES = Path(__file__).parents[1] / "peer"
PINS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 180
# Nothing a package brings is run at installation: what BullMQ needs natively comes prebuilt.
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """`absent` says why it can't be measured, in one line; else None."""

    folder: Path
    absent: str | None = None

    def noted(self, counted: str) -> str:
        """The note of a figure that should have a peer: what was counted, and why there is none beside it."""
        return f"{counted}; no peer: {self.absent}" if self.absent else counted

    def measured(self, driver: str, **arguments: object) -> Mapping[str, Any]:
        """What bench/peer/`driver`.mjs answers. Raises CalledProcessError where it fails."""
        done = subprocess.run(self.command(driver, **arguments), check=True, stdout=subprocess.PIPE, text=True)
        answer: Mapping[str, Any] = json.loads(done.stdout)
        return answer

    def command(self, driver: str, **arguments: object) -> Sequence[str]:
        """Of a driver that runs until it is ended."""
        return ["node", str(self.folder / f"{driver}.mjs"), json.dumps({name: str(value) for name, value in arguments.items()})]


def find(say: Callable[[str], None]) -> Peer:
    """The peer, installed if it can be. Why it can't is said once a section."""
    folder = _folder()
    absent = _programs_missing() or _install(folder)
    if absent:
        say(f"BullMQ is not measured: {absent}")
    else:
        for driver in SOURCES.glob("*.mjs"):
            shutil.copy(driver, folder)
    return Peer(folder=folder, absent=absent)


def versions() -> str | None:
    """What runs as the peer where it can: `bullmq 6.7.0, ioredis 5.11.1, node v20.20.2`."""
    if _programs_missing():
        return None
    pinned = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    node = subprocess.run(["node", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return ", ".join([*(f"{name} {version}" for name, version in pinned.items()), f"node {node}"])


def _folder() -> Path:
    """Other pins, another folder."""
    pins = b"".join((SOURCES / name).read_bytes() for name in PINS)
    return cache_folder() / "bench-peer" / hashlib.sha256(pins).hexdigest()[:16]


def _programs_missing() -> str | None:
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    return f"{' and '.join(missing)} not on the PATH" if missing else None


def _install(folder: Path) -> str | None:
    """Why it failed, or None. A failed attempt leaves no stamp."""
    stamp = folder / "installed"
    if stamp.exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name in PINS:
        shutil.copy(SOURCES / name, folder)
    try:
        done = subprocess.run(["npm", *INSTALL], cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"npm did not install it within {INSTALL_SECONDS} s"
    if done.returncode != 0:
        return f"npm could not install it: {_first_error(done.stderr)}"
    stamp.touch()
    return None


def _first_error(stderr: str) -> str:
    """npm's first line in words: it begins with a code, and ends with the path of a log."""
    lines = [line.removeprefix("npm error").strip() for line in stderr.splitlines() if line.startswith("npm error")]
    return next((line for line in lines if line and not line.startswith("code ")), "it gave no reason")
