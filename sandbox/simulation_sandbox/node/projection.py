"""Writes a volume's files as the kubelet does: a reader sees all of the old ones or all of the new ones, never a mixture.

volume/..2026_1/key        the files of one moment
volume/..data -> ..2026_1  swapped by one rename
volume/key -> ..data/key   what is opened
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from simulation_sandbox.node.errors import NotConfiguredError

if TYPE_CHECKING:
    from simulation_sandbox.node.volumes import Files

DATA = "..data"


def project(volume: Path, files: Files) -> bool:
    """Makes the folder hold exactly `files`. False: it did already."""
    for path in files:
        _refuse_escape(path)
    volume.mkdir(parents=True, exist_ok=True)
    data = volume / DATA
    if data.is_symlink() and _matches(data, files):
        return False
    new = _write(volume, files)
    _swap(volume, data, new)
    _link_names(volume, {PurePosixPath(path).parts[0] for path in files})
    for old in _moments(volume).values():
        if old != new:
            shutil.rmtree(old, ignore_errors=True)
    return True


def _refuse_escape(path: str) -> None:
    """The API server refuses such paths too; a key named like our own entries would be lost."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or any(part.startswith("..") for part in parts):
        raise NotConfiguredError(f"{path!r} can't be a path in a volume")


def _matches(data: Path, files: Files) -> bool:
    present = {str(file.relative_to(data)) for file in data.rglob("*") if file.is_file()}
    return present == set(files) and all(
        (data / path).read_bytes() == file.content and (data / path).stat().st_mode & 0o777 == file.mode for path, file in files.items()
    )


def _moments(volume: Path) -> dict[int, Path]:
    """By number. A number isn't used twice: who holds on to a folder sees its files or none, not those of a later moment."""
    return {int(folder.name[2:]): folder for folder in volume.iterdir() if folder.name[2:].isdigit() and folder.name.startswith("..")}


def _write(volume: Path, files: Files) -> Path:
    new = volume / f"..{max(_moments(volume), default=0) + 1}"
    new.mkdir(mode=0o755)
    for path, file in files.items():
        target = new / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    return new


def _swap(volume: Path, data: Path, new: Path) -> None:
    unfinished = volume / "..data_tmp"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(new.name)
    unfinished.rename(data)


def _link_names(volume: Path, names: set[str]) -> None:
    for entry in volume.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"{DATA}/{name}")
