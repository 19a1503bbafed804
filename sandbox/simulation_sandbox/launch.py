"""The first instructions of every child: run as a script, becomes the real command by exec.

    python -I -S launch.py PARENT_PID DEATH_SIGNAL UID:GID|- COMMAND [ARGUMENT …]

Why a script of its own, instead of Popen's preexec_fn: Python code between fork and exec can deadlock in a process with threads. Why the
identity is dropped here, instead of by Popen(user=…): the dropped user may not be allowed to read this interpreter. The order matters: the
kernel clears the death signal when the identity changes, so it is set afterwards.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def drop_identity(identity: str) -> None:
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with_parent(parent: int, death_signal: int) -> None:
    """Asks the kernel for the signal; leaves at once if the parent died before it could be asked."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    parent, death_signal, identity, *command = sys.argv[1:]
    if identity != "-":
        drop_identity(identity)
    die_with_parent(int(parent), int(death_signal))
    try:
        os.execvp(command[0], command)  # noqa: S606 - the whole point: an exec without a shell
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
