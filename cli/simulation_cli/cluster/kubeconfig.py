"""Which cluster is meant, and as whom: what the kubeconfig says, or in a pod that has none, its service account."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
import yaml

from simulation_cli.exits import UnreachableError, one_line

config: Any = kubernetes.config  # published without types
DEFAULT_FILE = "~/.kube/config"
# Beside what the client itself refuses: it reads on in whatever shape the file has.
_MISSHAPEN = (TypeError, KeyError, ValueError, AttributeError)


@dataclass(frozen=True)
class Where:
    """As the options of that name say; None: what the kubeconfig says."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None

    @property
    def path(self) -> str:
        return str(self.kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_FILE)


@dataclass(frozen=True)
class Access:
    configuration: Any  # Kubernetes' Configuration
    namespace: str  # the option's, else the context's, else default, as kubectl has it


def access(where: Where) -> Access:
    """Raises UnreachableError where no cluster is named, or no credentials are to be had; nothing is asked yet."""
    with _explained(where.path):
        content = config.kube_config.KubeConfigMerger(where.path).config
        if content is None and where.kubeconfig is None and where.context is None and (own := _of_the_pod(where)) is not None:
            return own
        return _of_the_file(content, where)


def contexts(where: Where) -> list[str]:
    """Their names. Raises UnreachableError."""
    with _explained(where.path):
        content = config.kube_config.KubeConfigMerger(where.path).config
        return [] if content is None else [str(each["name"]) for each in content.value["contexts"]]


def _of_the_file(content: Any, where: Where) -> Access:
    if content is None:
        raise config.ConfigException("there is none")
    configuration: Any = kubernetes.client.Configuration()
    loader = config.kube_config.KubeConfigLoader(content, active_context=where.context, config_base_path=None)
    context = loader.current_context["context"]
    with _credentials(content, context.get("user")):
        loader.load_and_set(configuration)
    return Access(configuration, where.namespace or context.get("namespace") or "default")


def _of_the_pod(where: Where) -> Access | None:
    """As kubectl does in a Job; None: this is no pod with a service account."""
    token = Path(config.incluster_config.SERVICE_TOKEN_FILENAME)
    if not (token.is_file() and os.environ.get(config.incluster_config.SERVICE_HOST_ENV_NAME)):
        return None
    configuration: Any = kubernetes.client.Configuration()
    config.load_incluster_config(configuration)
    own = token.with_name("namespace")
    return Access(configuration, where.namespace or (own.read_text(encoding="utf-8").strip() if own.is_file() else "") or "default")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    advice = "Set KUBECONFIG, --kubeconfig or --context"
    try:
        yield
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        raise UnreachableError(f"kubeconfig {path} can't be used: {one_line(error)}. {advice}") from None
    except _MISSHAPEN as error:
        raise UnreachableError(f"kubeconfig {path} isn't one, or is damaged: {one_line(error)}. Mend it, or: {advice}") from None


@contextmanager
def _credentials(content: Any, user: object) -> Iterator[None]:
    """The client logs that the command for credentials failed, and would go on without any."""
    said = _Heard()
    logging.getLogger().addHandler(said)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(said)
    if said.errors:
        command = _command(content, user)
        who = "the kubeconfig's login" if command is None else f"the kubeconfig's command for credentials, {command},"
        remedy = "Log in again" if command is None else "Install it or put it on the PATH, log in again"
        raise UnreachableError(f"{who} fails: {'; '.join(said.errors)}. {remedy}, or choose another --context")


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # On a terminal the command itself tells there why it failed, and the client stumbles over having nothing to repeat.
        told = one_line(record.getMessage())
        self.errors.append("it says why above" if told.startswith("'NoneType'") else told)


def _command(content: Any, user: object) -> str | None:
    its = next((each.value["user"] for each in content.value["users"] if each.value["name"] == user), None) or {}
    return its["exec"].get("command", "(none)") if "exec" in its else None
