"""The process simulation-operator: everything is built here once and passed down."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import kopf
from kubernetes.aio import client
from redis import Redis
from sqlalchemy import Engine

from simulation_core import logging as process_logging
from simulation_core.errors import SimulationError
from simulation_core.ledger.engine import create_ledger_engine
from simulation_core.ledger.leader import SessionLock
from simulation_core.portals import PortalsFile
from simulation_core.queue.connection import NO_EVICTION, connect, eviction_policy, outages_translated
from simulation_core.queue.scheduler import BulkScheduler
from simulation_core.serving import HealthServer
from simulation_core.settings import exit_on_bad_settings, load
from simulation_operator import ids, releasing
from simulation_operator.advising import Adviser
from simulation_operator.api import Api, ApiError
from simulation_operator.autoscale.loop import Autoscaler
from simulation_operator.events import Events
from simulation_operator.handlers import kopf_settings, register
from simulation_operator.keys import KeyQueue
from simulation_operator.leadership import LOCK, Leadership
from simulation_operator.lifecycle.apply import Applier
from simulation_operator.lifecycle.observe import Observer
from simulation_operator.lifecycle.reconcile import Lifecycle
from simulation_operator.limiter import Limiter
from simulation_operator.login import api_client
from simulation_operator.looks import most_urgent
from simulation_operator.metrics import Metrics
from simulation_operator.planning import Planner
from simulation_operator.progress import ProgressLoop
from simulation_operator.resource import GROUP, PLURAL, Key
from simulation_operator.resync import Resync
from simulation_operator.retention import RetentionLoop
from simulation_operator.roster import Roster
from simulation_operator.scheduler.dispatcher import Dispatcher
from simulation_operator.setbacks import Setbacks
from simulation_operator.settings import OperatorSettings
from simulation_operator.status_writer import StatusWriter
from simulation_operator.threads import Threads

log = logging.getLogger(__name__)

PROCESS = "simulation-operator"
API_RETRY_SECONDS = 2.0
LAST_EVENTS_SECONDS = 5.0
FIRST_LIST_SECONDS = 60.0  # then a watch is better than waiting on
SWITCH_SECONDS = 0.0005


class KindMissingError(SimulationError):
    """The API server doesn't know Simulations: the CRD must be there before the operator."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What runs side by side in this process."""

    kopf_registry: kopf.OperatorRegistry
    scopes: tuple[str | None, ...]
    leadership: Leadership
    resync: Resync
    lifecycle: Lifecycle
    planner: Planner
    adviser: Adviser
    progress: ProgressLoop
    events: Events
    retention: RetentionLoop
    autoscaler: Autoscaler | None
    threads: Threads

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "leadership": self.leadership.run,
            "resync": self.resync.run,
            "lifecycle": self.lifecycle.run,
            "progress": self.progress.run,
            "status": self.progress.writer.run,
            "events": self.events.run,
            "retention": self.retention.run,
        }
        return loops if self.autoscaler is None else {**loops, "autoscaler": self.autoscaler.run}

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then our loops end first, what is under way is finished or given up, and the lock is released.

        Raises KindMissingError when the CRD is removed meanwhile.
        """
        stopping, watching, unwatch = asyncio.Event(), asyncio.Event(), asyncio.Event()
        _hear(stopping.set)
        tasks = [asyncio.create_task(_for_ever(name, loop), name=name) for name, loop in self.loops.items()]
        kopf_task = asyncio.create_task(self._watch(watching, unwatch), name="kopf")
        try:
            await _first_of(kopf_task, watching.wait(), stopping.wait())
            _hear(stopping.set)  # Kopf took them for itself at its start
            await _first_of(kopf_task, stopping.wait())
        finally:
            log.info("stopping")
            await _cancelled(tasks)
            await self._tell_what_happened()
            await self.planner.under_way.stop()
            await self.adviser.under_way.stop()
            await self.leadership.release()
            unwatch.set()
            await kopf_task
            self.threads.stop()

    async def _tell_what_happened(self) -> None:
        """As many of the Events that wait as the limiter lets through in a moment: the next operator wouldn't know of them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_EVENTS_SECONDS):
                await self.events.finish()

    async def _watch(self, watching: asyncio.Event, unwatch: asyncio.Event) -> None:
        """Once the resync has had its first list: before it watches Kopf lists all as well, whole, and with a task for each of them.

        Of ten thousand that takes it as long as everything else at a start together, and by then nothing in it is news.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LIST_SECONDS):
                await _first_of(asyncio.create_task(unwatch.wait()), self.resync.tried.wait())
        if unwatch.is_set():
            return
        try:
            await kopf.operator(
                registry=self.kopf_registry,
                settings=kopf_settings(),
                standalone=True,
                clusterwide=None in self.scopes,
                namespaces=[scope for scope in self.scopes if scope is not None],
                ready_flag=watching,
                stop_flag=unwatch,
            )
        except Exception:  # of whatever kind Kopf's is: where the CRD is gone, that is why
            await check_that_simulations_are_served(self.resync.api, self.scopes)
            raise


async def _first_of(task: asyncio.Task[Any], *moments: Coroutine[Any, Any, object]) -> None:
    """The task goes on, if it isn't the first."""
    waiters = [asyncio.ensure_future(moment) for moment in moments]
    try:
        await asyncio.wait([task, *waiters], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def build(settings: OperatorSettings, connection: client.ApiClient, engine: Engine, redis: Redis, portals: PortalsFile) -> Operator:
    """The composition root."""
    metrics = Metrics()
    threads = Threads()
    roster = Roster()
    queue: KeyQueue[Key] = KeyQueue()
    limiter = Limiter(rate_per_second=settings.writes_per_second, burst=settings.write_burst)
    api = Api(connection, limiter, metrics)
    events = Events(api)
    leadership = Leadership(SessionLock(settings.database_url.get_secret_value(), LOCK), engine, metrics)
    dispatcher = Dispatcher(
        engine,
        BulkScheduler(redis),
        portals,
        horizon_ms=settings.horizon_seconds * 1000,
        prepare_lead_ms=settings.prepare_lead_seconds * 1000,
    )
    setbacks = Setbacks(roster)
    one_large = asyncio.Lock()
    planner = Planner(engine=engine, threads=threads, queue=queue, setbacks=setbacks, one_large=one_large, dispatch=dispatcher.tick)
    adviser = Adviser(engine=engine, threads=threads, one_large=one_large)
    resync = Resync(
        api=api,
        engine=engine,
        threads=threads,
        roster=roster,
        queue=queue,
        leadership=leadership,
        metrics=metrics,
        scopes=settings.scopes,
        every_seconds=settings.resync_seconds,
        deadline_seconds=settings.resync_deadline_seconds,
    )
    leadership.on_taken = resync.ask
    registry = kopf.OperatorRegistry()
    register(registry, roster, queue, metrics)
    return Operator(
        kopf_registry=registry,
        scopes=settings.scopes,
        leadership=leadership,
        resync=resync,
        lifecycle=Lifecycle(
            queue=queue,
            observer=Observer(roster=roster, portals=portals, engine=engine, threads=threads, sources=settings.content_sources),
            applier=Applier(
                engine=engine,
                threads=threads,
                api=api,
                planner=planner,
                adviser=adviser,
                events=events,
                roster=roster,
                queue=queue,
                settings=settings,
            ),
            leadership=leadership,
            metrics=metrics,
            setbacks=setbacks,
        ),
        planner=planner,
        adviser=adviser,
        progress=ProgressLoop(
            engine=engine,
            threads=threads,
            roster=roster,
            queue=queue,
            portals=portals,
            leadership=leadership,
            writer=StatusWriter(api=api, events=events, roster=roster, queue=queue),
            metrics=metrics,
            eviction_policy=lambda: _eviction_policy(redis),
            every_seconds=settings.progress_seconds,
            most_urgent=most_urgent(settings.writes_per_second, settings.progress_seconds),
        ),
        events=events,
        retention=RetentionLoop(engine=engine, threads=threads, leadership=leadership, retention_seconds=settings.retention_seconds),
        autoscaler=None
        if settings.worker_deployment is None
        else Autoscaler(
            api=api,
            engine=engine,
            threads=threads,
            leadership=leadership,
            portals=portals,
            settings=settings,
            metrics=metrics,
            deployment=settings.worker_deployment,
        ),
        threads=threads,
    )


async def serve(settings: OperatorSettings, portals: PortalsFile) -> None:
    """Builds and runs the operator. Raises KindMissingError where the CRD is absent, CancelledError if it is ended before it runs."""
    _end_when_asked()
    engine = create_ledger_engine(settings.database_url.get_secret_value(), application_name=PROCESS, pool_size=6)
    redis = connect(settings.redis_url.get_secret_value())
    connection = await api_client()
    operator = build(settings, connection, engine, redis, portals)
    health = HealthServer(settings.bind_address, ready=operator.leadership.not_ready, alive=operator.resync.not_alive)
    health.start()
    try:
        await check_that_simulations_are_served(operator.resync.api, settings.scopes)
        await operator.run()
    finally:
        health.stop()
        await cast(Any, connection).close()
        engine.dispose()
        redis.close()


def _end_when_asked() -> None:
    """Until the operator takes the signals over: as a container's first process we'd get none that has no handler."""
    this = asyncio.current_task()
    if this is not None:
        _hear(this.cancel)


def _hear(end: Callable[[], object]) -> None:
    """Of the signals to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)


async def check_that_simulations_are_served(api: Api, scopes: tuple[str | None, ...]) -> None:
    """Waits for an API server that can't be reached or doesn't let us in yet; an absent CRD ends the process."""
    while True:
        try:
            if await api.is_served(scopes[0]):
                return
        except ApiError as error:
            log.warning("waiting: %s", error)
            await asyncio.sleep(API_RETRY_SECONDS)
            continue
        raise KindMissingError(f"the CustomResourceDefinition {PLURAL}.{GROUP} is not installed: install it, then start the operator again")


async def _for_ever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """A fault in one loop must not end the others, nor the process."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("the %s loop failed and begins again", name)
        await asyncio.sleep(1)


def _eviction_policy(redis: Redis) -> str:
    """A server that hides its policy gets the benefit of the doubt, once it has answered at all."""
    with outages_translated():
        redis.ping()
    return eviction_policy(redis) or NO_EVICTION


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    if asked.command == "release":
        with exit_on_bad_settings(f"{PROCESS} release"):
            releasing.command()
        return
    if asked.command == "ids":
        with exit_on_bad_settings(f"{PROCESS} ids"):
            ids.command(asked.simulation)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as a container's first process; until the event loop takes it over
    with exit_on_bad_settings(PROCESS):
        settings = load(OperatorSettings)
        process_logging.configure(settings.log_level)
        # The event loop gives the interpreter away with each request and must get it back from threads that read a thousand rows.
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.set_threshold(20_000, 20, 20)  # a thousand statuses built anew are no garbage to look for ten times a second
        logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # else a line for each event, every status write of ours among them
        portals = PortalsFile(settings.portals_file)
        with suppress(asyncio.CancelledError):
            _run(settings, portals)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(PROCESS, description="Runs the operator; its settings are in its environment.")
    commands = parser.add_subparsers(dest="command", metavar="")
    of_ids = commands.add_parser("ids", help="the CRM ids of what a run created, as CSV; needs SIMULATION_DATABASE_URL only")
    of_ids.add_argument("--simulation", required=True, metavar="NAMESPACE/NAME", help="of which Simulation; also its uid")
    commands.add_parser("release", help="ends the operator and lets go of all Simulations that are held to be archived; the chart calls it")
    return parser


def _run(settings: OperatorSettings, portals: PortalsFile) -> None:
    try:
        asyncio.run(serve(settings, portals))
    except KindMissingError as error:
        print(f"{PROCESS}: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
