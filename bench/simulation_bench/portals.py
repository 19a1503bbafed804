"""The portals file of a measurement: one portal whose budget is no limit."""

from __future__ import annotations

from pathlib import Path

PORTAL = "default"  # a run's, unless its spec names another
TEXT = f"""
portals:
- name: {PORTAL}
  callsPerTenSeconds: 10000
  callsPerDay: 100000000
  allowedNamespaces: ["*"]
"""


def write(folder: Path) -> Path:
    path = folder / "portals.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path
