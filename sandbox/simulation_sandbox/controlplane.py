"""etcd, kube-apiserver and kube-controller-manager on loopback, with RBAC on: a cluster without a kubelet."""

from __future__ import annotations

import os
import secrets
import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml

from simulation_sandbox.errors import SandboxError
from simulation_sandbox.kubeconfig import write_kubeconfig
from simulation_sandbox.ports import remembered_port
from simulation_sandbox.processes import Child
from simulation_sandbox.waiting import wait_for

if TYPE_CHECKING:
    from simulation_sandbox.assets import Assets

PKI = "pki"
READY_WITHIN_SECONDS = 90.0

# Go's garbage collector at a third of its usual pace: a cluster's API server has processors of its own, this one shares two with everything
# else, and of ten thousand objects each collection takes seconds. What is set in our environment comes first.
COLLECT_SELDOM = {"GOGC": "300"}

# What a pod needs that isn't a kubelet's business. No node-lifecycle: pods of a stopped process node wait for it instead of being evicted.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)

# user → groups. The admin is above RBAC, the controller manager gets its rights from the API server's own bootstrap roles.
USERS = {"admin": "system:masters", "system:kube-controller-manager": ""}


class ControlPlane:
    """One control plane below `folder`. Starting again finds its objects, its credentials, and its ports if they are still free."""

    def __init__(self, folder: Path, assets: Assets, *, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.port = port
        self._assets = assets
        self._durable = durable
        self._etcd_port: int | None = None
        self.etcd: Child | None = None
        self.apiserver: Child | None = None
        self.controllers: Child | None = None

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def keys(self) -> Path:
        return self.folder / PKI

    @property
    def children(self) -> list[Child]:
        return [child for child in (self.etcd, self.apiserver, self.controllers) if child is not None]

    def start(self) -> None:
        """Returns once the API answers and the default namespace has its service account, so that pods can be created."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._make_keys()
        tokens = self._tokens()
        self.start_etcd()
        self.start_apiserver()
        self._write_kubeconfigs(tokens)
        self.start_controllers()
        wait_for(self._has_service_account, what="the controllers to work", within_seconds=READY_WITHIN_SECONDS)

    def stop(self) -> None:
        """In the order in which they need each other. Harmless if it isn't running."""
        for child in reversed(self.children):
            child.stop()
        self.etcd = self.apiserver = self.controllers = None

    def revive(self) -> None:
        """Starts again what died, and only that."""
        for child, start in (
            (self.etcd, self.start_etcd),
            (self.apiserver, self.start_apiserver),
            (self.controllers, self.start_controllers),
        ):
            if child is None or not child.alive:
                start()

    def remove(self) -> None:
        """Stops it and deletes its objects and keys."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_etcd(self) -> None:
        client, peer = (remembered_port(self.folder / f"etcd-{name}-port") for name in ("client", "peer"))
        self._etcd_port = client
        options = {
            "name": "sandbox",
            "data-dir": str(self.folder / "etcd"),
            "listen-client-urls": f"http://127.0.0.1:{client}",
            "advertise-client-urls": f"http://127.0.0.1:{client}",
            "listen-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-cluster": f"sandbox=http://127.0.0.1:{peer}",
            "log-level": "warn",
            "unsafe-no-fsync": str(not self._durable).lower(),
        }
        (self.folder / "etcd").mkdir(mode=0o700, exist_ok=True)
        child = self.etcd = self._spawn(self._assets.etcd, "etcd", options)
        self._wait_for(child, f"http://127.0.0.1:{client}/health")

    def start_apiserver(self) -> None:
        self.port = remembered_port(self.folder / "port", self.port)
        options = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            # a loopback address is refused as an endpoint of the Service `kubernetes`, which nothing here could reach anyway
            "endpoint-reconciler-type": "none",
            "secure-port": str(self.port),
            "cert-dir": str(self.folder / PKI),
            "tls-cert-file": self._key("apiserver.crt"),
            "tls-private-key-file": self._key("apiserver.key"),
            "kubelet-certificate-authority": self._key("ca.crt"),
            "kubelet-client-certificate": self._key("apiserver.crt"),
            "kubelet-client-key": self._key("apiserver.key"),
            "kubelet-preferred-address-types": "InternalIP",
            "token-auth-file": str(self.folder / "tokens.csv"),
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": self._key("service-accounts.key"),
            "service-account-signing-key-file": self._key("service-accounts.key"),
            "service-cluster-ip-range": "10.0.0.0/24",
            "profiling": "false",
        }
        child = self.apiserver = self._spawn(self._assets.kube_apiserver, "kube-apiserver", options)
        self._wait_for(child, f"{self.server}/readyz")

    def start_controllers(self) -> None:
        options = {
            "kubeconfig": str(self.folder / "controllers.kubeconfig"),
            "controllers": ",".join(CONTROLLERS),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self._key("service-accounts.key"),
            "root-ca-file": self._key("ca.crt"),
            "leader-elect": "false",
            "secure-port": "0",
            "profiling": "false",
        }
        self.controllers = self._spawn(self._assets.kube_controller_manager, "kube-controller-manager", options)

    def _spawn(self, program: Path, name: str, options: dict[str, str]) -> Child:
        arguments = [f"--{option}={value}" for option, value in options.items()]
        env = {**COLLECT_SELDOM, **os.environ}
        return Child.spawn([program, *arguments], log=self.folder / "log" / f"{name}.log", cwd=self.folder, env=env)

    def _make_keys(self) -> None:
        """By rendering pki/ with helm: it has the functions, and is here anyway."""
        pki = self.folder / PKI
        if (pki / "ca.crt").exists():
            return
        unfinished = self.folder / f"{PKI}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        log = unfinished / "keys.yaml"
        log.touch(mode=0o600)
        chart = Path(__file__).with_name(PKI)
        render = Child.spawn([self._assets.helm, "template", "keys", chart], log=log, env=_helm_environment(unfinished))
        render.expect_success(within_seconds=60)
        for name, pem in yaml.safe_load(log.read_text())["stringData"].items():
            (unfinished / name).touch(mode=0o600)
            (unfinished / name).write_text(pem)
        log.unlink()
        unfinished.rename(pki)

    def _key(self, name: str) -> str:
        return str(self.keys / name)

    def _tokens(self) -> dict[str, str]:
        """user → token, made once. The file's format: token, user name, uid, "groups"."""
        path = self.folder / "tokens.csv"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text("".join(f'{secrets.token_urlsafe(32)},{user},{user},"{group}"\n' for user, group in USERS.items()))
        rows = (line.split(",") for line in path.read_text().splitlines())
        return {row[1]: row[0] for row in rows}

    def _write_kubeconfigs(self, tokens: dict[str, str]) -> None:
        for path, user in ((self.kubeconfig, "admin"), (self.folder / "controllers.kubeconfig", "system:kube-controller-manager")):
            write_kubeconfig(path, server=self.server, authority=self.folder / PKI / "ca.crt", user=user, token=tokens[user])

    def _wait_for(self, child: Child, url: str) -> None:
        def ready() -> bool:
            if not child.alive:
                raise SandboxError(f"{child.name} ended with {child.exit_code}: {child.last_words()}")
            return self._says_yes(url)

        wait_for(ready, what=f"{child.name} (see {child.log})", within_seconds=READY_WITHIN_SECONDS)

    def _has_service_account(self) -> bool:
        return self.has("/api/v1/namespaces/default/serviceaccounts/default")

    def has(self, path: str) -> bool:
        """Whether the administrator gets an object at this path of the API."""
        return self._says_yes(f"{self.server}{path}")

    def _says_yes(self, url: str) -> bool:
        authority = ssl.create_default_context(cafile=self._key("ca.crt"))
        token = self._tokens()["admin"]
        try:
            # trust_env off: a proxy of the machine's has no business on loopback
            with httpx.Client(verify=authority, trust_env=False, timeout=5) as client:
                return client.get(url, headers={"Authorization": f"Bearer {token}"}).is_success
        except httpx.TransportError:
            return False


def _helm_environment(folder: Path) -> dict[str, str]:
    """Helm writes caches: into our folder, not the user's."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "HELM_CACHE_HOME": str(folder), "HELM_CONFIG_HOME": str(folder)}
