"""A database URL that can't be one is refused at the start, without a word of it: what stands there may be a password."""

from __future__ import annotations

import pytest

from simulation_core.errors import SettingsError
from simulation_core.ledger.engine import create_ledger_engine


@pytest.mark.parametrize("url", ["postgresql://u:p%40ss@h:5432/db", "postgres://h/db", "postgresql+psycopg://h/db"])
def test_a_url_of_postgres_is_taken(url: str) -> None:
    assert create_ledger_engine(url, application_name="test").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "url",
    ["", "s3cret", "mysql://u:s3cret@h/db", "postgresql://u:s3cret@h:port/db", "postgresql://u:s3cret@h:5432x/db"],
)
def test_anything_else_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="SIMULATION_DATABASE_URL is malformed") as refused:
        create_ledger_engine(url, application_name="test")
    assert "s3cret" not in str(refused.value)
    assert refused.value.__context__ is None
