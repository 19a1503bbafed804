"""Before the first write to a portal: is it an account we may write to, and has it the properties by which we find our records again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from simulation_core.portals import Portal
from simulation_core.reasons import Reason
from simulation_worker.budget.day import zone_of
from simulation_worker.crm import paths
from simulation_worker.crm.answers import Answer, explained
from simulation_worker.crm.client import CrmClient
from simulation_worker.crm.errors import PortalHeldError
from simulation_worker.crm.judge import STOP_MS, Ruling, judge

log = logging.getLogger(__name__)

TEST_ACCOUNTS = frozenset({"DEVELOPER_TEST", "SANDBOX"})
REQUIRED_TYPES = ("companies", "contacts")
OPTIONAL_TYPES = ("deals",)
GROUP = "simulation"
KEY, ID, NAME = "simulation_key", "simulation_id", "simulation_name"
PROPERTIES: Sequence[Mapping[str, object]] = (
    {"name": KEY, "label": "Simulation key", "hasUniqueValue": True, "description": "Names this record within its simulation."},
    {"name": ID, "label": "Simulation id", "hasUniqueValue": False, "description": "The uid of the Simulation that created this record."},
    {"name": NAME, "label": "Simulation", "hasUniqueValue": False, "description": "namespace/name of the Simulation."},
)


@dataclass(frozen=True)
class Account:
    id: int
    type: str
    zone: tzinfo = UTC  # its day, and with it the daily limit, ends at its midnight


def prepare(client: CrmClient, portal: Portal) -> Account:
    """The account, checked and ready. Raises PortalHeldError with what to do. Repeating it costs four calls and changes nothing."""
    account = _account(client, portal)
    for object_type in REQUIRED_TYPES:
        ensure_properties(client, portal, object_type)
    for object_type in OPTIONAL_TYPES:
        try:
            ensure_properties(client, portal, object_type)
        except PortalHeldError as held:
            if held.reason is not Reason.SCOPE_MISSING:
                raise
            log.info("portal %s: no properties on %s: %s", portal.name, object_type, held)
    return account


def _account(client: CrmClient, portal: Portal) -> Account:
    answer = client.get(paths.account_details())
    require(answer, portal, "read the account's details")
    number = str(answer.body.get("portalId"))
    account = Account(
        id=int(number) if number.isdecimal() else 0,
        type=str(answer.body.get("accountType") or "UNKNOWN"),
        zone=zone_of(answer.body.get("timeZone"), answer.body.get("utcOffsetMilliseconds")),
    )
    if account.type not in TEST_ACCOUNTS and not portal.allow_production:
        raise PortalHeldError(
            Reason.ACCOUNT_TYPE_REFUSED,
            f"portal {portal.name}: account {account.id} is of type {account.type}; use a test account or a sandbox, "
            "or set allowProduction: true on the portal",
            STOP_MS,
        )
    return account


def ensure_properties(client: CrmClient, portal: Portal, object_type: str) -> Sequence[str]:
    """Those by which our records are found again. Which had to be created; raises PortalHeldError saying how to do so by hand."""
    answer = client.get(paths.properties(object_type))
    require(answer, portal, _by_hand(object_type))
    known = {str(each.get("name")): each for each in answer.results}
    if KEY in known and not known[KEY].get("hasUniqueValue"):
        raise PortalHeldError(
            Reason.PROPERTY_UNUSABLE,
            f"portal {portal.name}: the property {KEY} on {object_type} does not require unique values, and that can't be changed "
            "afterwards: delete it in HubSpot, and the worker creates it anew",
            STOP_MS,
        )
    missing = [wanted for wanted in PROPERTIES if wanted["name"] not in known]
    if not missing:
        return ()
    _create(client, portal, object_type, paths.property_groups(object_type), {"name": GROUP, "label": "Simulation", "displayOrder": -1})
    for wanted in missing:
        definition = {"groupName": GROUP, "type": "string", "fieldType": "text", "formField": False, **wanted}
        _create(client, portal, object_type, paths.properties(object_type), definition)
    created = [str(wanted["name"]) for wanted in missing]
    log.info("portal %s: created %s on %s", portal.name, ", ".join(created), object_type)
    return created


def _create(client: CrmClient, portal: Portal, object_type: str, path: str, definition: Mapping[str, object]) -> None:
    """There already (409) is as good as created: another worker may have been faster."""
    answer = client.post(path, definition)
    if answer.status != 409:
        require(answer, portal, _by_hand(object_type))


def _by_hand(object_type: str) -> str:
    return (
        f"read and create properties on {object_type}: grant crm.objects.{object_type}.read, crm.objects.{object_type}.write and "
        f"crm.schemas.{object_type}.write, or create by hand in HubSpot, in a property group {GROUP}, the single-line text properties "
        f"{KEY} (with unique values required), {ID} and {NAME}"
    )


def require(answer: Answer, portal: Portal, purpose: str) -> None:
    """Raises PortalHeldError unless the call succeeded. `purpose` completes "the token may not …", and goes on with the remedy."""
    verdict = judge(answer)
    if verdict.ruling is Ruling.DONE:
        return
    reason = verdict.reason or Reason.PORTAL_UNAVAILABLE
    if reason is Reason.SCOPE_MISSING:
        message = f"portal {portal.name}: the token may not {purpose}"
    elif reason is Reason.CREDENTIAL_REJECTED:
        message = f"portal {portal.name}: HubSpot refused the token ({answer.status}): replace it in the portal's Secret"
    else:
        reason = Reason.PORTAL_UNAVAILABLE if reason is Reason.RECORD_REJECTED else reason
        message = f"portal {portal.name}: could not {purpose.partition(':')[0]}. {explained(reason, answer)}"
    raise PortalHeldError(reason, message, verdict.wait_ms or STOP_MS)
