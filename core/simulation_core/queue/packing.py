"""Offers as SCHEDULE takes them: the runs by name, and the jobs in one string. A client spends longer on a few hundred thousand
arguments than Redis on the jobs."""

from __future__ import annotations

import numpy as np

from simulation_core.ledger.offers import Offers

# Little-endian and without gaps: the script unpacks '<I2I4I4I8'.
ROW = np.dtype([("run", "<u2"), ("number", "<u4"), ("attempt", "<u4"), ("due_ms", "<u8")])


def packed(offers: Offers) -> list[str | int | bytes]:
    """How many runs, for each: simulation, portal; and a ROW for each job. At most 65,536 runs, so: as many offers."""
    used, run = np.unique(offers.run, return_inverse=True)
    rows = np.empty(len(offers), dtype=ROW)
    rows["run"], rows["number"], rows["attempt"], rows["due_ms"] = run, offers.number, offers.attempt, offers.due_ms
    runs = [offers.runs[index] for index in used]
    return [len(runs), *(part for run in runs for part in (str(run.simulation_id), run.portal)), rows.tobytes()]
