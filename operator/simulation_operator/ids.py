"""`simulation-operator ids`: the CRM ids of what a run created, as CSV, for whoever goes on working with those records."""

from __future__ import annotations

import csv
import sys
from typing import TextIO
from uuid import UUID

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Engine

from simulation_core.clock import iso_ms
from simulation_core.errors import SimulationError
from simulation_core.ledger import created, runs
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.values import Run
from simulation_core.object_keys import object_type
from simulation_core.settings import PREFIX, load

COLUMNS = ("record", "role", "key", "objectType", "id", "deliveredTime")


class DatabaseSettings(BaseSettings):
    """It asks nothing but the ledger."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: SecretStr


class NoSuchRunError(SimulationError):
    """The ledger has no run of that name or uid."""


def write_ids(engine: Engine, simulation: str, out: TextIO) -> None:
    """`simulation`: NAMESPACE/NAME, of which the newest run counts, or a uid. Raises NoSuchRunError and LedgerUnavailableError."""
    run = _find(engine, simulation)
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for each in created.objects(engine, run):
        moment = "" if each.delivered_ms is None else iso_ms(each.delivered_ms)
        table.writerow([each.record, each.role, each.key, object_type(each.role), each.crm_id, moment])


def _find(engine: Engine, simulation: str) -> Run:
    namespace, _, name = simulation.rpartition("/")
    try:
        found = created.named(engine, namespace, name) if namespace else runs.get(engine, UUID(simulation))
    except ValueError:
        raise NoSuchRunError(f"--simulation {simulation}: name it as NAMESPACE/NAME, or by its uid") from None
    if found is None:
        raise NoSuchRunError(f"--simulation {simulation}: the ledger has no such run: `kubectl get simulations -A` lists those that exist")
    if found.purged:
        raise NoSuchRunError(f"--simulation {simulation}: its single records were removed by retention (operator.retentionDays)")
    return found


def command(simulation: str) -> None:
    engine = create_ledger_engine(load(DatabaseSettings).database_url.get_secret_value(), application_name="simulation-operator ids")
    try:
        write_ids(engine, simulation, sys.stdout)
        sys.stdout.flush()
    except SimulationError as error:
        print(f"simulation-operator ids: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:  # `… | head`
        sys.stderr.close()
    finally:
        engine.dispose()
