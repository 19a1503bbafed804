"""A claim that is lost while the portal is asked: nothing is known, so nothing fails and nothing is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from references.unpaced import Unpaced
from simulation_core.content.values import Contact, Record
from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_sandbox.hubspot.server import EmulatorServer
from simulation_worker.admission import Admission
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.delivery import Part
from simulation_worker.crm.errors import FenceLostError
from simulation_worker.crm.fates import Delivered, Postponed
from simulation_worker.crm.properties import Marks
from simulation_worker.crm.setup import prepare
from simulation_worker.crm.wants import Wants

RUN = UUID(int=1)
KEY = f"{RUN}-0-p0"
PERSON = Contact(key=KEY, first_name="A", last_name="B", email=f"{KEY}@x.example", phone="", city="", job_title=None, company_name=None)
PART = Part(Marks(RUN, "team-a", "spring"), [Record(number=0, company=None, contacts=(PERSON,))], Wants(owner_ids=frozenset({"71000001"})))


class Allowed:
    """So many calls, then the claim is lost."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, _seconds: float) -> None:
        self.left -= 1
        if self.left < 0:
            raise FenceLostError("the claim was lost")


@pytest.fixture
def client(hubspot: EmulatorServer) -> Iterator[CrmClient]:
    client = CrmClient(url=hubspot.url, token="any", pace=Unpaced())
    prepare(client, Portal(name="default", allowed_namespaces=("*",), url=hubspot.url))
    yield client
    client.close()


@pytest.mark.parametrize("allowed", [0, 2])
def test_nothing_fails_and_the_next_attempt_asks_anew(client: CrmClient, hubspot: EmulatorServer, allowed: int) -> None:
    """Lost before the first question, and after all records were rejected."""
    told: list[Any] = []
    admission = Admission(Portal(name="default", allowed_namespaces=("*",)), lambda *problem: told.append(problem), lambda calls: calls)
    httpx.post(f"{hubspot.url}/_emulator/faults", json={"match": "contacts/batch", "kind": "status", "status": 400, "times": 1})
    client.before_call = Allowed(allowed)
    (fates,) = admission.deliver(client, [PART], lambda: False)
    assert isinstance(fates[0], Postponed)
    assert (fates[0].reason, fates[0].counts_as_try) == (Reason.DRAINING, False)
    assert not any(reason for _, reason, _, _ in told)
    client.before_call = lambda _: None
    httpx.delete(f"{hubspot.url}/_emulator/faults").raise_for_status()
    (fates,) = admission.deliver(client, [PART], lambda: False)
    assert isinstance(fates[0], Delivered)
