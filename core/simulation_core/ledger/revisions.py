"""Where the Alembic revisions lie, and which one this build needs."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory


def find_migrations() -> Path:
    """The copy inside the installed package, else the checkout's folder at the repository root."""
    package = Path(__file__).parent
    installed = package / "migrations"
    return installed if (installed / "env.py").exists() else package.parents[2] / "migrations"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(find_migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The revision this build was written for, such as "0001"; revisions are numbered upwards without gaps."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if revision is None:
        raise FileNotFoundError(f"no revisions in {find_migrations()}: the package was built without its migrations")
    return revision
