"""Manifests from files, as kubectl takes them: YAML or JSON, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from simulation_core.errors import SimulationError
from simulation_core.spec import Spec, parse_spec

KIND = ("simulation-operator.dev/v1alpha1", "Simulation")


class ManifestError(SimulationError):
    """The file can't be read, or holds something else than one Simulation."""


def read_simulation(file: Path) -> Spec:
    """The spec of the one Simulation in `file` (- for standard input). Raises ManifestError, or SpecError naming the field."""
    simulations = [document for document in _documents(file) if _kind(document) == KIND]
    if len(simulations) != 1:
        raise ManifestError(f"{file}: needs exactly one {KIND[1]} of {KIND[0]}, and has {len(simulations)}")
    spec = simulations[0].get("spec")
    if not isinstance(spec, dict):
        raise ManifestError(f"{file}: the Simulation has no spec")
    return parse_spec(spec)


def _kind(document: object) -> tuple[object, object] | None:
    return (document.get("apiVersion"), document.get("kind")) if isinstance(document, Mapping) else None


def _documents(file: Path) -> list[Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        # The base loader of safe YAML turns unquoted date-times into datetimes; kubectl sends them as text, and so do we.
        return list(yaml.load_all(text, Loader=_TextDates))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file} can't be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise ManifestError(f"{file} is not YAML: {' '.join(str(error).split())}") from None


class _TextDates(yaml.SafeLoader):
    """Safe YAML without timestamps."""


_TextDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
