"""/account-info: whose account this is, and how much of its day is used."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from simulation_core.clock import iso_ms, now_ms
from simulation_sandbox.hubspot.answers import Answer
from simulation_sandbox.hubspot.gate import Call


def details(call: Call) -> Answer:
    account = call.account
    offset = datetime.now(UTC).astimezone(ZoneInfo(account.time_zone)).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    return Answer(
        200,
        {
            "portalId": account.id,
            "accountType": account.type,
            "timeZone": account.time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def daily_usage(call: Call) -> Answer:
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": call.daily_limit,
        "currentUsage": call.account.day.used(),
        "collectedAt": iso_ms(now_ms()),
        "fetchStatus": "SUCCESS",
    }
    return Answer(200, {"results": [usage]})
