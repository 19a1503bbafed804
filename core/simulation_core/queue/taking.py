"""A worker's side of the queues: takes many jobs a round trip, and ends many. Everything raises QueueUnavailableError when Redis is away.

A job is a hint: what it stands for is in the ledger. So what is lost here costs a second, until the dispatcher offers it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Any, NamedTuple

from redis import Redis
from rq.utils import now as utc_now
from rq.utils import utcformat

from simulation_core.kinds import Kind
from simulation_core.queue.admission import Admission, Gate, parse_admission
from simulation_core.queue.connection import clock_s, outages_translated
from simulation_core.queue.jobs import SCHEDULED, WAKE, job_data
from simulation_core.queue.taking_scripts import ACKNOWLEDGE, GIVE_BACK, PUT_BACK, TAKE

MOST_A_TAKE = 1_000  # jobs of one queue: what a script holds up others for stays in milliseconds
LISTS = "rq:queue:"


class Job(NamedTuple):
    queue: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    jobs: Sequence[Job] = ()  # of each queue in its order
    others: Sequence[Job] = ()  # they name another function: somebody else's, which no worker of ours can perform
    admissions: Mapping[str, Admission] = field(default_factory=dict)  # by queue, where there is a gate

    def __bool__(self) -> bool:
        return bool(self.jobs or self.others)


NOTHING = Taken()


class Intake:
    """The jobs of one worker. `lease_seconds`: for how long a job that its worker doesn't prolong counts as under way."""

    def __init__(self, redis: Redis, worker: str, *, lease_seconds: float, kind: Kind = Kind.DELIVER) -> None:
        self._redis = redis
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._data = job_data(kind.function)
        self._begins = self._data.partition(",")[0]
        self._take, self._acknowledge, self._put_back, self._give_back = (
            redis.register_script(script) for script in (TAKE, ACKNOWLEDGE, PUT_BACK, GIVE_BACK)
        )

    def wait(self, queues: Sequence[str], seconds: float) -> Job | None:
        """Blocks until one of the queues has a job, and pops it: give it to `take`. The first named is looked into first.

        Should the process be killed before, the job is in no list, and the ledger's next tick offers it again.
        """
        with outages_translated():
            popped: Any = self._redis.blpop([f"{LISTS}{queue}" for queue in queues], timeout=seconds)
        return Job(popped[0].decode().removeprefix(LISTS), popped[1].decode()) if popped else None

    def take(self, room: Mapping[str, int], popped: Job | None = None, gates: Mapping[str, Gate] | None = None) -> Taken:
        """Up to so many jobs of each queue, the one popped already among them, as far as the queue's gate lets them through.

        They are started under a lease: prolong them, and end them. A popped one whose queue has no room is back in its queue.
        """
        arguments: list[str | float] = [self._worker, utcformat(utc_now()), self._lease_seconds, self._begins, *(popped or ("", ""))]
        for queue, most in room.items():
            if most > 0:
                arguments += (queue, min(most, MOST_A_TAKE), *_told((gates or {}).get(queue)))
        with outages_translated():
            taken, others, admissions = self._take(args=arguments)
        return Taken(
            jobs=[Job(name, id_) for queue, ids in taken for name in [queue.decode()] for id_ in ids.decode().split()],
            others=[Job(queue.decode(), id_.decode()) for queue, id_ in others],
            admissions={queue.decode(): parse_admission(answer) for queue, answer in admissions},
        )

    def prolong(self, jobs: Iterable[Job]) -> None:
        """A full lease from now, for those still held."""
        held: dict[str, list[str]] = defaultdict(list)
        for job in jobs:
            held[job.queue].append(f"{job.id}:{self._worker}")
        if not held:
            return
        with outages_translated(), self._redis.pipeline(transaction=False) as pipeline:
            ends_s = round(clock_s(self._redis) + self._lease_seconds, 3)
            for queue, members in held.items():
                pipeline.zadd(f"rq:wip:{queue}", dict.fromkeys(members, ends_s), xx=True)
            pipeline.execute()

    def acknowledge(self, jobs: Sequence[Job], *, left: int) -> int:
        """They are done. `left`: how many others this worker has under way; with none, RQ's tools see it idle."""
        if not jobs:
            return 0
        ids: dict[str, list[str]] = defaultdict(list)
        for queue, id_ in jobs:
            ids[queue].append(id_)
        arguments: list[str | int] = [self._worker, left]
        for queue, of_queue in ids.items():
            arguments += (queue, " ".join(of_queue))
        with outages_translated():
            return int(self._acknowledge(args=arguments))

    def put_back(self, jobs: Sequence[Job], *, left: int) -> int:
        """Taken and not begun: they are the next ones again. `left` as for `acknowledge`."""
        arguments: list[str | int] = [self._worker, left, *(part for job in jobs for part in job)]
        with outages_translated():
            return int(self._put_back(args=arguments)) if jobs else 0

    def give_back(self, waits_ms: Mapping[Job, int], *, left: int) -> int:
        """Schedules each again, under its id, so many milliseconds from now. One that was offered again meanwhile stays as it is."""
        arguments: list[str | float] = [WAKE, self._worker, left, self._data]
        for job, wait_ms in waits_ms.items():
            arguments += (job.queue, job.id, max(0, wait_ms))
        with outages_translated():
            return int(self._give_back(keys=[SCHEDULED], args=arguments)) if waits_ms else 0


def _told(gate: Gate | None) -> tuple[str | float, ...]:
    return astuple(gate) if gate else ("",) * len(fields(Gate))
