"""/_emulator/…: what an outsider may look at and set. No credential, no limits, no faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot import associations
from simulation_sandbox.hubspot.accounts import ACCOUNT_TYPES, DEFAULT_ACCOUNT_ID, Account
from simulation_sandbox.hubspot.answers import ApiError, Json, invalid
from simulation_sandbox.hubspot.fault_mix import Mix
from simulation_sandbox.hubspot.gate import World
from simulation_sandbox.hubspot.limits import Limits
from simulation_sandbox.hubspot.object_types import OBJECT_TYPES, object_type
from simulation_sandbox.hubspot.plan import Plan
from simulation_sandbox.hubspot.records import Record

MAX_PAGE = 10_000


@dataclass(frozen=True)
class Question:
    """One look at the world, or one change to it; taken under the lock."""

    world: World
    path: dict[str, str]
    query: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Look:
    """An endpoint around a function from a Question to JSON."""

    world: World
    handler: Callable[[Question], Json]

    async def __call__(self, request: Request) -> JSONResponse:
        body = await request.json() if await request.body() else {}
        with self.world.lock:
            try:
                return JSONResponse(self.handler(Question(self.world, request.path_params, dict(request.query_params), body)))
            except ApiError as refusal:
                return JSONResponse(refusal.answer().body, refusal.status)


def _accounts(asked: Question) -> list[Account]:
    """All of them, unless ?account= names one."""
    world, query = asked.world, asked.query
    if "account" not in query:
        return list(world.accounts.by_id.values())
    account = world.accounts.by_id.get(int(query["account"])) if query["account"].isdigit() else None
    if account is None:
        raise invalid(f"no such account: {query['account']}")
    return [account]


def _number(asked: Question, name: str, default: int) -> int:
    given = asked.query.get(name) or str(default)
    if not given.isdigit():
        raise invalid(f"{name} must be a number, not {given}")
    return int(given)


def objects(asked: Question) -> Json:
    kind = object_type(asked.path["objectType"])
    wanted = asked.query.get("simulation_id")
    archived = asked.query.get("archived") == "true"
    limit, after = min(MAX_PAGE, _number(asked, "limit", 1000)), _number(asked, "after", 0)
    found = [record for account in _accounts(asked) for record in _those(account, kind.name, wanted, archived)]
    page = list(islice((record for record in found if int(record.id) > after), limit + 1))
    return {
        "total": len(found),
        "results": [_as_seen(record) for record in page[:limit]],
        "next": page[limit - 1].id if len(page) > limit else None,
    }


def _those(account: Account, type_name: str, simulation_id: str | None, archived: bool) -> Iterator[Record]:
    records = account.objects[type_name]
    for record in records.archived.values() if archived else records.live.values():
        if simulation_id is None or record.properties.get("simulation_id") == simulation_id:
            yield record


def _as_seen(record: Record) -> Json:
    return {
        "id": record.id,
        "properties": record.properties,
        "createdAt": iso_ms(record.created_ms),
        "updatedAt": iso_ms(record.updated_ms),
        "archived": record.archived_ms is not None,
        "writes": record.writes,
    }


def list_associations(asked: Question) -> Json:
    one, other = object_type(asked.query.get("from", "companies")), object_type(asked.query.get("to", "contacts"))
    pairs = [pair for account in _accounts(asked) for pair in associations.between(account, one, other)]
    return {"total": len(pairs), "results": [{"from": a, "to": b, "typeIds": types} for a, b, types in pairs]}


def summary(asked: Question) -> Json:
    accounts = _accounts(asked)
    traffic = asked.world.traffic
    busiest = max(asked.world.accounts.apps.values(), key=lambda app: app.window.used(), default=None)
    return {
        "objects": {name: sum(len(account.objects[name].live) for account in accounts) for name in OBJECT_TYPES},
        "archived": {name: sum(len(account.objects[name].archived) for account in accounts) for name in OBJECT_TYPES},
        "accounts": [{"accountId": a.id, "accountType": a.type, "callsToday": a.day.used()} for a in asked.world.accounts.by_id.values()],
        "calls": {
            "total": traffic.total,
            "lastTenSeconds": traffic.last_ten_seconds(),
            "limitPerTenSeconds": (busiest.limits if busiest else asked.world.limits).calls_per_ten_seconds,
            "byPath": traffic.by_path(),
        },
        "recordsPerSecond": traffic.records_per_second(),
        "faults": [fault.as_json() for fault in asked.world.faults],
    }


def newest(asked: Question) -> Json:
    """The newest companies with their contacts and deals, and the newest contacts: what the page shows."""
    limit = min(100, _number(asked, "limit", 12))
    companies, contacts = [], []
    for account in _accounts(asked):
        for record in islice(reversed(account.objects["companies"].live.values()), limit):
            linked = {name: _linked(account, record, name) for name in ("contacts", "deals")}
            companies.append(_as_seen(record) | linked)
        contacts += [_as_seen(record) for record in islice(reversed(account.objects["contacts"].live.values()), limit)]
    return {name: sorted(found, key=_newest_first)[:limit] for name, found in (("companies", companies), ("contacts", contacts))}


def _linked(account: Account, record: Record, type_name: str) -> list[Json]:
    live = account.objects[type_name].live
    return [_as_seen(live[other]) for other in islice(record.associated.get(type_name, {}), 10) if other in live]


def _newest_first(seen: Json) -> int:
    return -int(seen["id"])


def plan(asked: Question) -> Json:
    """Planned beside delivered; null if nobody told what is planned."""
    known = asked.world.plan
    return {"plan": known and known.as_json(asked.world.accounts.by_id.values(), now_ms())}


def set_plan(asked: Question) -> Json:
    asked.world.plan = Plan(asked.body)
    return plan(asked)


def drop_plan(asked: Question) -> Json:
    asked.world.plan = None
    return plan(asked)


def add_fault(asked: Question) -> Json:
    return asked.world.faults.add(asked.body).as_json()


def add_mix(asked: Question) -> Json:
    return asked.world.faults.add_mix(lambda number: Mix(number, asked.body)).as_json()


def list_faults(asked: Question) -> Json:
    return {"results": [fault.as_json() for fault in asked.world.faults]}


def clear_faults(asked: Question) -> Json:
    asked.world.faults.clear()
    return {"results": []}


def reset(asked: Question) -> Json:
    asked.world.clear()
    return {}


def restore(asked: Question) -> Json:
    """{ids}: what was archived comes back, as somebody may do in HubSpot within 90 days."""
    kind = object_type(asked.path["objectType"])
    (account, *_) = _accounts(asked)
    return {"results": [_as_seen(account.objects[kind.name].restore(str(each))) for each in asked.body.get("ids") or ()]}


def behaviour(asked: Question) -> Json:
    return asked.world.behaviour.as_json()


def change_behaviour(asked: Question) -> Json:
    asked.world.behaviour.change(asked.body)
    return asked.world.behaviour.as_json()


def register(asked: Question) -> Json:
    """Only the token is required: {token, accountId, accountType, scopes, timeZone, callsPerTenSeconds, callsPerDay, searchesPerSecond,
    retryAfter}."""
    token, account_type = asked.body.get("token"), asked.body.get("accountType", "DEVELOPER_TEST")
    if not token or account_type not in ACCOUNT_TYPES:
        raise invalid(f"a token is required, and accountType is one of {', '.join(ACCOUNT_TYPES)}")
    limits = Limits(
        calls_per_ten_seconds=asked.body.get("callsPerTenSeconds", asked.world.limits.calls_per_ten_seconds),
        calls_per_day=asked.body.get("callsPerDay", asked.world.limits.calls_per_day),
        retry_after=asked.body.get("retryAfter", asked.world.limits.retry_after),
        searches_per_second=asked.body.get("searchesPerSecond", asked.world.limits.searches_per_second),
    )
    app = asked.world.accounts.register(
        token,
        int(asked.body.get("accountId", DEFAULT_ACCOUNT_ID)),
        account_type,
        scopes=asked.body.get("scopes"),
        limits=limits,
        time_zone=asked.body.get("timeZone", "UTC"),
    )
    return {"accountId": app.account.id, "accountType": app.account.type}
