"""`simulation-operator ids`: what a run created, as a table that other programs read."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import uuid

import pytest

from simulation_core.clock import from_ms, now_ms
from simulation_core.ledger import accept, claims, created, finishes, plans, runs
from simulation_core.ledger.values import ClaimRequest, Finish
from simulation_core.plan import make_plan
from simulation_core.plan.load import load_of
from simulation_core.spec import parse_spec


def run_of(engine, records, name="spring"):
    id_ = uuid.uuid4()
    given = {
        "scenario": "B2B",
        "totalRecords": records,
        "durationSeconds": 3600,
        "toleranceMilliseconds": 86_400_000,
        "startTime": from_ms(now_ms() - 3_000_000).isoformat(timespec="milliseconds"),
    }
    parsed = parse_spec(given)
    accept.accept(
        engine, id=id_, namespace="team-a", name=name, spec=given, parsed=parsed, seed=1, default_user_id=uuid.uuid4(), lead_ms=0,
        plan_version=1,
    )  # fmt: skip
    plan = make_plan(parsed, start_ms=runs.get(engine, id_).start_ms, window_ms=3_600_000, seed=1)
    plans.store(engine, id_, plan, 0)
    plans.publish(engine, id_, plan, load_of(parsed, plan, seed=1))
    return id_


def deliver(engine, id_, batch):
    (claimed,) = claims.claim(engine, [ClaimRequest(id_, batch, 1)], lease_ms=60_000)
    names = {f"{index}.{role}": f"{claimed.first_record + index}{role}" for index in range(len(claimed.due_ms)) for role in ("c", "p0")}
    finishes.finish(engine, [Finish(claimed.fence, rest_delivered_ms=claimed.claimed_ms, crm_ids=names)])


def ask(url, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "simulation_operator.main", "ids", *arguments],
        env={"PATH": os.environ["PATH"], "SIMULATION_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_object_has_a_line_and_only_what_was_delivered_is_there(engine, migrated_url):
    old, run = run_of(engine, 2), run_of(engine, 250)
    deliver(engine, old, 0)
    deliver(engine, run, 0)
    deliver(engine, run, 1)
    answer = ask(migrated_url, "--simulation", "team-a/spring")
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = list(csv.DictReader(io.StringIO(answer.stdout)))
    delivered = runs.get(engine, run).records_processed
    assert len(lines) == 2 * delivered
    first = lines[1]
    assert (first["record"], first["role"], first["key"], first["objectType"], first["id"]) == ("0", "p0", f"{run}-0-p0", "contacts", "0p0")
    assert first["deliveredTime"].endswith("Z")
    assert [int(line["record"]) for line in lines] == sorted(int(line["record"]) for line in lines)
    found = runs.get(engine, run)
    assert list(created.objects(engine, found, batches_a_page=1)) == list(created.objects(engine, found))
    assert ask(migrated_url, "--simulation", str(old)).stdout.count("\n") == 1 + 2 * 2


@pytest.mark.parametrize(
    ("named", "why"), [("team-a/none", "no such run"), ("nonsense", "NAMESPACE/NAME"), (str(uuid.uuid4()), "no such run")]
)
def test_what_is_not_there_is_said_in_one_line(migrated_url, named, why):
    answer = ask(migrated_url, "--simulation", named)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert why in answer.stderr
    assert answer.stderr.count("\n") == 1
