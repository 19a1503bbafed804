"""Who we are to the API server: the pod's service account, or what KUBECONFIG names. Tokens are read again as they rotate."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.request import getproxies

import kopf
from kubernetes.aio import client
from kubernetes.aio import config as kubernetes_config

from simulation_core.errors import SettingsError

TOKEN_AGE_SECONDS = 60.0

config: Any = kubernetes_config  # published without types


def kopf_login(**arguments: Any) -> kopf.ConnectionInfo | None:
    """Kopf asks again whenever a token is refused. KUBECONFIG comes first: a pod whose node is a process has both."""
    if os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(**arguments)
    return kopf.login_with_service_account(**arguments)


async def api_client() -> client.ApiClient:
    """A client for coroutines, under the same identity. Raises SettingsError where there is none."""
    configuration: Any = client.Configuration()
    # Without a proxy to find out about, each request would still ask two threads, and read ~/.netrc, which has no business here.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
    path = os.environ.get("KUBECONFIG")
    try:
        if path:
            await config.load_kube_config(client_configuration=configuration, config_file=path)
            configuration.refresh_api_key_hook = _Reread()
        else:
            config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        where = f"KUBECONFIG {path}" if path else "the pod's service account (KUBECONFIG is not set)"
        raise SettingsError(f"{where} can't be used: {error}") from None
    return client.ApiClient(configuration)


class _Reread:
    """Reads the kubeconfig's token again once it is a minute old; in a cluster the client library does that by itself."""

    def __init__(self) -> None:
        self._read_at = time.monotonic()

    async def __call__(self, configuration: Any) -> None:
        if time.monotonic() - self._read_at < TOKEN_AGE_SECONDS:
            return
        self._read_at = time.monotonic()
        fresh = client.Configuration()
        await config.load_kube_config(client_configuration=fresh, config_file=os.environ["KUBECONFIG"])
        configuration.api_key.update(fresh.api_key)
