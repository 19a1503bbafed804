"""The exit codes, and the errors that end with them: each is one line that says what was wrong and what to do."""

from __future__ import annotations

import enum
from typing import ClassVar, Self

from simulation_core.errors import SimulationError


class ExitCode(enum.IntEnum):
    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "as asked"
    BAD_MANIFEST = 1, "the manifest can't be read or carried out"
    CALLED_WRONGLY = 2, "an option is wrong or missing"
    UNREACHABLE = 3, "no usable kubeconfig, its command for credentials fails, or the cluster can't be reached"
    NO_SUCH_SIMULATION = 4, "the cluster has no Simulation of that name"
    NOT_INSTALLED = 5, "the cluster doesn't know Simulations: the operator isn't installed"
    FORBIDDEN = 6, "the cluster refuses: it doesn't know the credentials, or their rights don't suffice"
    NOT_POSSIBLE = 7, "the Simulation is in no state for that: it has ended, or is being deleted"
    TIMED_OUT = 8, "the --timeout of a wait ran out"
    ENDED_OTHERWISE = 9, "the Simulation ended, and not as waited for"
    NOT_CONFIRMED = 10, "you were asked, and said no"


class CommandError(SimulationError):
    """A command can't be carried out."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_MANIFEST


class ManifestError(CommandError):
    """The file can't be read, or holds something else than one Simulation."""


class CalledWronglyError(CommandError):
    """Options that don't go together, or that this place can't honour."""

    exit_code = ExitCode.CALLED_WRONGLY


class UnreachableError(CommandError):
    """There is no kubeconfig that names a cluster, no credentials are to be had, or the cluster doesn't answer."""

    exit_code = ExitCode.UNREACHABLE


class NoSuchSimulationError(CommandError):
    """There is none of that name in that namespace."""

    exit_code = ExitCode.NO_SUCH_SIMULATION


class NotInstalledError(CommandError):
    """The cluster has no CustomResourceDefinition of Simulations."""

    exit_code = ExitCode.NOT_INSTALLED


class ForbiddenError(CommandError):
    """The cluster answers, and doesn't let us look."""

    exit_code = ExitCode.FORBIDDEN


class UnknownUserError(CommandError):
    """The cluster doesn't know who asks: with these credentials nothing else will be answered either."""

    exit_code = ExitCode.FORBIDDEN


class NotPossibleError(CommandError):
    """The Simulation can't take this change, now or ever."""

    exit_code = ExitCode.NOT_POSSIBLE


class TimedOutError(CommandError):
    """What was waited for has not come in time."""

    exit_code = ExitCode.TIMED_OUT


class NotConfirmedError(CommandError):
    """The person was asked, and said no."""

    exit_code = ExitCode.NOT_CONFIRMED


def exit_code_of(error: SimulationError) -> ExitCode:
    """What isn't a command's own error comes from core, which judges manifests."""
    return error.exit_code if isinstance(error, CommandError) else ExitCode.BAD_MANIFEST


def described() -> str:
    """For --help."""
    return "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


def one_line(said: object) -> str:
    """What somebody else said, within a sentence of ours."""
    return " ".join(str(said).split()).removesuffix(".")
