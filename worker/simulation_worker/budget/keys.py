"""Names of budgets in Redis: by server and token, of which only a digest can be read there."""

from __future__ import annotations

import hashlib

PREFIX = "simulation:budget:"
HUBSPOT = "https://api.hubapi.com"


def app_key(url: str | None, token: str) -> str:
    """HubSpot's ten seconds are an app's, and a token stands for an app. A token has far too much chance in it to be guessed from this."""
    return PREFIX + hashlib.sha256(f"{_server(url)}\0{token}".encode()).hexdigest()[:32]


def finding_key(app: str) -> str:
    """Of what an app's budget gives for finding out which record of a refused call is the bad one."""
    return f"{app}:finding"


def errands_key(app: str) -> str:
    """Of what errands may take of an app's budget beside deliveries."""
    return f"{app}:errands"


def search_key(url: str | None, account_id: int) -> str:
    """The search's limit is the account's."""
    return PREFIX + "search:" + hashlib.sha256(f"{_server(url)}\0{account_id}".encode()).hexdigest()[:32]


def _server(url: str | None) -> str:
    return (url or HUBSPOT).rstrip("/").lower()
