"""Service-account tokens for one pod: bound to it, so that they end with it, and renewed in time."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import yaml

from simulation_sandbox.node.api import ApiAwayError, ApiError
from simulation_sandbox.node.errors import NotConfiguredError
from simulation_sandbox.node.volumes import TokenWish

if TYPE_CHECKING:
    from pathlib import Path

    from simulation_sandbox.node.api import Api, Json


@dataclass(frozen=True, kw_only=True)
class Issued:
    token: str
    issued_seconds: float  # Unix time
    expires_seconds: float

    def due(self, now_seconds: float, *, refresh_percent: float) -> bool:
        """Whether that share of its life is over."""
        return now_seconds >= self.issued_seconds + (self.expires_seconds - self.issued_seconds) * refresh_percent / 100


class Tokens:
    """The tokens of one pod by what its volumes wish for."""

    def __init__(self, api: Api, pod: Json, *, refresh_percent: float) -> None:
        self._api = api
        self._refresh_percent = refresh_percent
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        self._bound_to = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        self._issued: dict[TokenWish, Issued] = {}

    async def get(self, wishes: set[TokenWish]) -> Mapping[TokenWish, str]:
        return {wish: await self._token(wish) for wish in wishes}

    async def _token(self, wish: TokenWish) -> str:
        """While the API server is away or refuses, the token we have is the best there is."""
        known = self._issued.get(wish)
        if known is not None and not known.due(time.time(), refresh_percent=self._refresh_percent):
            return known.token
        try:
            self._issued[wish] = known = await self._request(wish)
        except (ApiAwayError, ApiError) as error:
            if known is None and isinstance(error, ApiError):
                raise NotConfiguredError(f"no service-account token: {error}") from None
            if known is None:
                raise
        return known.token

    async def _request(self, wish: TokenWish) -> Issued:
        spec = {"audiences": [wish.audience] if wish.audience else [], "expirationSeconds": wish.seconds, "boundObjectRef": self._bound_to}
        asked = time.time()
        answer = await self._api.post(self._path, {"spec": spec})
        expires = datetime.fromisoformat(answer["status"]["expirationTimestamp"]).timestamp()
        return Issued(token=answer["status"]["token"], issued_seconds=asked, expires_seconds=expires)


def write_pod_kubeconfig(path: Path, api: Api, *, namespace: str, token_file: Path) -> None:
    """Replaces the file in one go, if it changed. Holds the token for clients that don't know tokenFile, and the file for those that do."""
    token = token_file.read_text()
    cluster = {"server": api.server, "certificate-authority-data": base64.b64encode(api.authority).decode()}
    content = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "pod", "user": {"token": token, "tokenFile": str(token_file)}}],
            "contexts": [{"name": "pod", "context": {"cluster": "sandbox", "user": "pod", "namespace": namespace}}],
            "current-context": "pod",
        }
    )
    if path.exists() and path.read_text() == content:
        return
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(content)
    os.replace(unfinished, path)
