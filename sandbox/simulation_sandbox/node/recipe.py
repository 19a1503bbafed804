"""What to execute for a container: its command and environment, translated from the container's world to this machine's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.node.env import environment, expand
from simulation_sandbox.node.errors import CannotStartError, NotConfiguredError
from simulation_sandbox.node.mounts import CREDENTIALS, Mounts, mounts, rewrite

if TYPE_CHECKING:
    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.objects import Objects
    from simulation_sandbox.node.place import Place

SYSTEM_PATH = "/usr/bin:/bin"


@dataclass(frozen=True, kw_only=True)
class World:
    """What a container's recipe depends on besides the container."""

    pod: Json  # with podIP and hostIP filled in
    objects: Objects
    place: Place
    bin_dir: Path


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Ready to execute: absolute program, complete environment."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    mounts: Mounts
    bin_dir: Path

    def for_command(self, command: Sequence[str]) -> tuple[str, ...]:
        """Another command in the same container, such as a probe's. Its `$(NAME)` are not expanded, as with the kubelet."""
        return _resolved([rewrite(word, self.mounts) for word in command], self.bin_dir, self.env)


def recipe(container: Json, world: World) -> Recipe:
    """NotConfiguredError: something referred to is missing. CannotStartError: there is no such program."""
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    if not container.get("command"):
        raise NotConfiguredError("no command: the process node has no images, whose entry point would be taken instead")
    asked = environment(container, world.pod, world.objects)
    places = mounts(container, world.pod["spec"], world.place, asked)
    env = _ours(world, places) | {name: rewrite(value, places) for name, value in asked.items()}
    words = [rewrite(expand(word, asked), places) for word in command]
    cwd = Path(rewrite(container.get("workingDir") or str(world.place.home), places))
    return Recipe(
        command=_resolved(words, world.bin_dir, env),
        env=env,
        cwd=cwd if cwd.is_dir() else world.place.home,
        mounts=places,
        bin_dir=world.bin_dir,
    )


def _ours(world: World, places: Mounts) -> dict[str, str]:
    """What an image and its runtime would set; KUBECONFIG only for those whose credentials are mounted."""
    env = {
        "PATH": f"{world.bin_dir}:{SYSTEM_PATH}",
        "HOME": str(world.place.home),
        "HOSTNAME": str(world.pod["metadata"]["name"]),
    }
    return env | ({"KUBECONFIG": str(world.place.kubeconfig)} if CREDENTIALS in places else {})


def _resolved(words: Sequence[str], bin_dir: Path, env: Mapping[str, str]) -> tuple[str, ...]:
    """The program by its base name in `bin_dir`, wherever the image has it; else as it stands on this machine."""
    program, *arguments = words
    ours = bin_dir / os.path.basename(program)
    if ours.is_file() and os.access(ours, os.X_OK):
        return (str(ours), *arguments)
    found = shutil.which(program, path=env.get("PATH", SYSTEM_PATH))
    if found is None:
        raise CannotStartError(f'exec: "{program}": neither in {bin_dir} nor on this machine')
    return (found, *arguments)
