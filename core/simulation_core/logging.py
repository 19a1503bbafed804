"""Logs: one line a record on standard error, key=value, times in UTC with milliseconds. Nothing else writes there."""

from __future__ import annotations

import logging
import sys

from simulation_core.clock import iso_ms
from simulation_core.errors import SettingsError


class LineFormatter(logging.Formatter):
    """`time=… level=… logger=… message="…"`; a traceback follows on the same line, its newlines escaped, so that a log line is a record."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message} | {self.formatException(record.exc_info)}"
        line = message.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'time={iso_ms(int(record.created * 1000))} level={record.levelname.lower()} logger={record.name} message="{line}"'


def configure(level: str) -> None:
    """Sends all logging to standard error in one format. Raises SettingsError for an unknown level."""
    names = logging.getLevelNamesMapping()
    if level.upper() not in names:
        raise SettingsError(f"SIMULATION_LOG_LEVEL {level!r} is unknown: use DEBUG, INFO, WARNING or ERROR")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=names[level.upper()], handlers=[handler], force=True)
