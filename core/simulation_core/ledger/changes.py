"""Storing what a user may change while a run lives; suspend and cancel are control's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from simulation_core.ledger.engine import transaction
from simulation_core.spec import CHANGEABLE_FIELDS


def set_changeable(engine: Engine, id: UUID, spec_json: Mapping[str, Any]) -> None:  # noqa: A002 - the column's name
    """Replaces the changeable fields of the stored spec by those of `spec_json`; a field that is absent there is removed.

    What is frozen stays as accepted, whatever `spec_json` says. The next finish judges by the new values.
    """
    changed = {field: value for field, value in spec_json.items() if field in CHANGEABLE_FIELDS}
    with transaction(engine) as connection:
        connection.execute(
            text("""
                UPDATE simulations SET spec = (spec - CAST(:changeable AS text[])) || CAST(:changed AS jsonb),
                       updated_at = statement_timestamp()
                WHERE id = :id AND (spec - CAST(:changeable AS text[])) || CAST(:changed AS jsonb) <> spec
            """),
            {"id": id, "changeable": sorted(CHANGEABLE_FIELDS), "changed": json.dumps(changed)},
        )
