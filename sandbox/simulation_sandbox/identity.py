"""Postgres refuses to run as root. Whom to run it as then, and where that user can reach its files."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from simulation_sandbox.errors import PartUnavailableError, SandboxError
from simulation_sandbox.processes import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence


def dropped_identity() -> Identity | None:
    """None where we aren't root: then children run as ourselves. The user must have a name: initdb looks itself up."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "daemon"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return Identity(uid=user.pw_uid, gid=user.pw_gid)
    raise PartUnavailableError("Postgres refuses to run as root, and this machine has no user nobody or daemon: run as another user")


def reachable_by_others(folder: Path) -> bool:
    """Whether a user without any rights of its own may enter every existing folder on the way to `folder`."""
    resolved = folder.resolve()
    on_the_way = [each for each in (resolved, *resolved.parents) if each.exists()]
    return all(each.stat().st_mode & stat.S_IXOTH for each in on_the_way)


def place_for(folder: Path, identity: Identity | None) -> Path:
    """`folder`, or a folder in the temp dir that stands for it where `identity` can't enter its parents (a checkout below /root, say)."""
    if identity is None or reachable_by_others(folder.parent):
        return folder
    mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return _temp_parent() / f"{folder.name}-{mark}"


def own(folder: Path, identity: Identity | None) -> None:
    """Creates the private folder for `identity`, which may be ourselves (None)."""
    folder.mkdir(parents=True, exist_ok=True)
    if identity is not None:
        os.chown(folder, identity.uid, identity.gid)
    folder.chmod(0o700)


def reachable_copies(folders: Sequence[Path], identity: Identity | None, *, label: str) -> Path:
    """The parent of the folders, or of copies of them in the temp dir, made once, where `identity` can't enter theirs."""
    if identity is None or all(reachable_by_others(folder.parent) and reachable_by_others(folder) for folder in folders):
        return folders[0].parent
    copies = _temp_parent() / label
    if not copies.exists():
        unfinished = Path(tempfile.mkdtemp(dir=_temp_parent()))
        for folder in folders:
            shutil.copytree(folder, unfinished / folder.name, symlinks=True)
        unfinished.chmod(0o711)
        try:
            unfinished.rename(copies)
        except OSError:
            shutil.rmtree(unfinished)
            if not copies.exists():  # else another process was faster
                raise
    return copies


def _temp_parent() -> Path:
    """One folder for this user in the temp dir, which everybody may enter and only we may write."""
    parent = Path(tempfile.gettempdir()) / f"simulation-sandbox-{os.geteuid()}"
    parent.mkdir(mode=0o711, exist_ok=True)
    status = parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise SandboxError(f"{parent} belongs to somebody else: remove it or set TMPDIR")
    parent.chmod(0o711)
    return parent
