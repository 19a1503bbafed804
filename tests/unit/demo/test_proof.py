"""The demo's proof: it holds for what was planned, and each way in which a run can be wrong breaks it."""

from dataclasses import replace

import pytest

from simulation_sandbox.demo.proof import Found, Planned, compare

RUN = "11111111-2222-3333-4444-555555555555"
DUE = (1_000, 2_000, 3_000)

PLANNED = Planned(id=RUN, status="COMPLETED", processed=3, primary="companies", due_ms=DUE, contacts=3)
FOUND = Found(
    companies={f"{RUN}-{record}-c": due + 10 * (record + 1) for record, due in enumerate(DUE)},
    contacts={f"{RUN}-{record}-p0": due + 20 for record, due in enumerate(DUE)},
    doubled=(),
    associated={f"{RUN}-{record}-p0": {f"{RUN}-{record}-c"} for record in range(3)},
)


def without(mapping: dict, key: str) -> dict:
    return {name: value for name, value in mapping.items() if name != key}


def test_a_run_as_planned_is_proven() -> None:
    proof = compare(PLANNED, FOUND)
    assert proof.faults == []
    assert proof.line == "Completed 3/3 records, early 0, p99 lateness 30 ms"


def test_b2c_records_are_contacts() -> None:
    proof = compare(replace(PLANNED, primary="contacts"), replace(FOUND, companies={}, associated={}))
    assert (proof.faults, proof.p99_lateness_ms) == ([], 20)


SKIPPED = replace(PLANNED, processed=2, contacts=2, skipped={1})
WITHOUT_IT = replace(FOUND, companies=without(FOUND.companies, f"{RUN}-1-c"), contacts=without(FOUND.contacts, f"{RUN}-1-p0"))


def test_what_was_skipped_is_missing_as_it_should_be() -> None:
    proof = compare(SKIPPED, WITHOUT_IT)
    assert proof.faults == []
    assert proof.line == "Completed 2/3 records, skipped 1, early 0, p99 lateness 30 ms"


@pytest.mark.parametrize(
    ("planned", "found", "said"),
    [
        (replace(PLANNED, status="RUNNING"), FOUND, "the table says RUNNING"),
        (replace(PLANNED, processed=2), FOUND, "counts 2 of 3"),
        (SKIPPED, replace(WITHOUT_IT, companies=FOUND.companies), "1 skipped records are in the CRM"),
        (replace(SKIPPED, processed=3), WITHOUT_IT, "counts 3 of 2"),
        (PLANNED, replace(FOUND, companies=without(FOUND.companies, f"{RUN}-1-c")), "1 of 3 companies are missing"),
        (PLANNED, replace(FOUND, companies={**FOUND.companies, f"{RUN}-3-c": 9_000}), "holds 4 companies"),
        (PLANNED, replace(FOUND, contacts=without(FOUND.contacts, f"{RUN}-1-p0")), "holds 2 contacts"),
        (PLANNED, replace(FOUND, doubled=[f"{RUN}-0-c"]), "more than one object"),
        (PLANNED, replace(FOUND, companies={**FOUND.companies, f"{RUN}-0-c": 999}), "1 records were written before"),
        (PLANNED, replace(FOUND, associated=without(FOUND.associated, f"{RUN}-2-p0")), "1 contacts are not associated"),
        (PLANNED, replace(FOUND, associated={**FOUND.associated, f"{RUN}-2-p0": {f"{RUN}-1-c"}}), "1 contacts are not associated"),
        (PLANNED, replace(FOUND, associated={**FOUND.associated, f"{RUN}-2-p0": {f"{RUN}-2-c", "77"}}), "1 contacts are not associated"),
    ],
)
def test_each_fault_is_found(planned: Planned, found: Found, said: str) -> None:
    faults = compare(planned, found).faults
    assert any(said in fault for fault in faults), faults
