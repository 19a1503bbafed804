"""One loopback address for each pod: all of 127.0.0.0/8 answers on Linux without any setup."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network

from simulation_sandbox.errors import SandboxError

# Away from 127.0.0.0/16, where people's own servers are, and from resolvers such as 127.0.0.53.
POD_NETWORK = IPv4Network("127.128.0.0/9")


class Addresses:
    """Hands out addresses that no two pods of this node share.

    The search begins at a hash of the pod's uid, so that the nodes of two sandboxes on one machine hardly ever meet.
    """

    def __init__(self) -> None:
        self._owners: dict[IPv4Address, str] = {}

    def take(self, uid: str, wish: str | None = None) -> str:
        """The address of pod `uid`: `wish`, which it had before a restart of the node, if nobody else has it by now."""
        if wish and self._claim(IPv4Address(wish), uid):
            return wish
        first = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4])
        for step in range(POD_NETWORK.num_addresses):
            address = POD_NETWORK[(first + step) % POD_NETWORK.num_addresses]
            if self._claim(address, uid):
                return str(address)
        raise SandboxError("no loopback address is left for another pod")

    def give_back(self, uid: str) -> None:
        self._owners = {address: owner for address, owner in self._owners.items() if owner != uid}

    def _claim(self, address: IPv4Address, uid: str) -> bool:
        """Network and broadcast look-alikes (.0, .255) are left out: some software refuses to bind them."""
        if address not in POD_NETWORK or address.packed[3] in {0, 255}:
            return False
        return self._owners.setdefault(address, uid) == uid
