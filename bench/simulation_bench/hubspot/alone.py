"""The emulator alone, so that it is known not to be the limit: companies upserted in batches, from prepared bodies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlsplit

from simulation_bench import portals
from simulation_bench.emulator import KEY, emulator

A_CALL = 100
CONNECTIONS = 4
PATH = "/crm/v3/objects/companies/batch/upsert"
HEADERS = {"Authorization": f"Bearer {portals.TOKEN}", "Content-Type": "application/json"}


def records_per_s(seconds: float) -> float:
    """New records, of eight properties each."""
    with emulator() as crm:
        crm.add_key_property(unique=True)
        bodies = _bodies()
        taking = threading.Lock()
        written = [0] * CONNECTIONS
        begun_s = time.monotonic()

        def write(number: int) -> None:
            connection = HTTPConnection(urlsplit(crm.url).netloc)
            while time.monotonic() < begun_s + seconds:
                with taking:
                    body = next(bodies)
                connection.request("POST", PATH, body, HEADERS)
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    written[number] += A_CALL
            connection.close()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed_s = time.monotonic() - begun_s
        if (held := len(crm.keys("companies"))) != sum(written):
            raise ValueError(f"the emulator holds {held:,} companies where {sum(written):,} were written")
    return sum(written) / elapsed_s


def _bodies() -> Iterator[bytes]:
    for first in count(step=A_CALL):
        inputs = [
            {"id": key, "idProperty": KEY, "objectWriteTraceId": key, "properties": _company(key)}
            for key in (f"bench-{number}-c" for number in range(first, first + A_CALL))
        ]
        yield json.dumps({"inputs": inputs}).encode()


def _company(key: str) -> dict[str, str]:
    return {
        KEY: key,
        "name": f"Company {key}",
        "domain": f"{key}.example",
        "city": "Leipzig",
        "state": "Saxony",
        "country": "Germany",
        "phone": "+49 341 5550100",
        "description": "Makes towers for wind turbines, and looks after them.",
    }
