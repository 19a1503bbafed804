"""One container: its process, its probes, and when it may start again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING

from simulation_sandbox.node.errors import CannotStartError
from simulation_sandbox.node.history import History, ended, last_words
from simulation_sandbox.node.pod import START_ERROR_CODE, Running, State, Terminated, View, Waiting
from simulation_sandbox.node.probes import Target, ask
from simulation_sandbox.node.probing import Listeners, run_probes
from simulation_sandbox.node.process import Process, kill_leftovers, note_group

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from simulation_sandbox.node.api import Json
    from simulation_sandbox.node.place import Place
    from simulation_sandbox.node.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all containers of a pod share."""

    place: Place
    address: str
    grace_seconds: float
    changed: Callable[[], None]  # called whenever a view may differ from before


@dataclass(kw_only=True)
class Run:
    """One life of the process."""

    process: Process
    recipe: Recipe
    started_at: datetime
    log_offset: int
    started: bool = False  # the startup probe passed, or there is none
    ready: bool = False
    stopped_because: str = ""
    probing: asyncio.Task[None] | None = None


class Container:
    """Belongs to one pod worker; all methods run in the node's event loop."""

    def __init__(self, spec: Json, history: History, surroundings: Surroundings) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.problem = Waiting(reason="PodInitializing")
        self._history = history
        self._around = surroundings
        self._run: Run | None = None
        self._next_start = 0.0  # in the event loop's time
        self._delay_seconds = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        kill_leftovers(self._note)

    @property
    def startable(self) -> bool:
        return self._run is None and not self._history.final and asyncio.get_running_loop().time() >= self._next_start

    @property
    def view(self) -> View:
        run, history = self._run, self._history
        return View(
            name=self.name,
            image=self.spec.get("image", ""),
            state=self._state,
            # an end for good is the state itself; one that is followed by another start is the last state
            last=history.before_last if run is None and history.final else history.last,
            restart_count=history.restart_count,
            started=run is not None and run.started,
            ready=run is not None and run.ready,
            container_id=f"process://{self.name}-{run.process.pid}" if run else "",
        )

    @property
    def end(self) -> Terminated | None:
        """Its latest end, if it doesn't run."""
        return None if self._run else self._history.last

    def begin(self, recipe: Recipe) -> None:
        """Starts the process; what can't be executed has failed at once."""
        log = self._around.place.log(self.name)
        offset = log.stat().st_size if log.exists() else 0
        try:
            process = Process.spawn(recipe.command, env=recipe.env, cwd=recipe.cwd, log=log)
        except (OSError, ValueError) as error:
            self.fail_to_begin(CannotStartError(str(error)))
            return
        note_group(self._note, process)
        self._history.begins()
        run = self._run = Run(process=process, recipe=recipe, started_at=datetime.now(UTC), log_offset=offset)
        self._keep(self._follow(run))
        run.probing = self._keep(run_probes(self._target(run), self._listeners(run)))

    def fail_to_begin(self, error: CannotStartError) -> None:
        self._history.begins()
        self._after(ended(START_ERROR_CODE, started_at=datetime.now(UTC), reason="StartError", message=str(error)))

    async def stop(self, grace_seconds: float, *, because: str = "") -> None:
        """preStop hook, SIGTERM, and after the grace period, which covers both, SIGKILL."""
        run = self._run
        if run is None:
            return
        run.stopped_because = run.stopped_because or because
        run.ready = False
        if run.probing:
            run.probing.cancel()
        deadline = asyncio.get_running_loop().time() + grace_seconds
        await self._run_pre_stop(run, grace_seconds)
        run.process.send(SIGTERM)
        if not await run.process.ends_within(deadline - asyncio.get_running_loop().time()):
            run.process.kill()
        self._settle(run, await run.process.wait())

    def kill(self) -> None:
        if self._run is not None:
            self._run.process.kill()

    async def close(self) -> None:
        """Ends the tasks; the process must have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _note(self) -> Path:
        return self._around.place.run / f"{self.name}.pid"

    @property
    def _state(self) -> State:
        if self._run is not None:
            return Running(started_at=self._run.started_at)
        if self._history.final and self._history.last is not None:
            return self._history.last
        if asyncio.get_running_loop().time() < self._next_start:
            return Waiting(reason="CrashLoopBackOff", message=f"back-off {self._delay_seconds:g}s restarting container {self.name}")
        return self.problem

    async def _follow(self, run: Run) -> None:
        self._settle(run, await run.process.wait())

    def _settle(self, run: Run, code: int) -> None:
        """Once a run, whoever notices its end first."""
        if self._run is not run:
            return
        self._run = None
        if run.probing:
            run.probing.cancel()
        self._note.unlink(missing_ok=True)
        words = last_words(self._around.place.log(self.name), run.log_offset) if code else ""
        message = "\n".join(part for part in (run.stopped_because, words) if part)
        self._after(ended(code, started_at=run.started_at, message=message))

    def _after(self, end: Terminated) -> None:
        self._delay_seconds = self._history.ends(end)
        loop = asyncio.get_running_loop()
        self._next_start = loop.time() + self._delay_seconds
        loop.call_at(self._next_start, self._around.changed)
        self._around.changed()

    async def _run_pre_stop(self, run: Run, grace_seconds: float) -> None:
        """A hook that fails only means that SIGTERM comes now; one that outlives the process is of no use any more."""
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if not hook:
            return
        if "sleep" in hook:
            await run.process.ends_within(min(grace_seconds, hook["sleep"]["seconds"]))
        else:
            await ask({**hook, "timeoutSeconds": grace_seconds}, self._target(run))

    def _listeners(self, run: Run) -> Listeners:
        def started() -> None:
            run.started = True
            self._around.changed()

        def ready(verdict: bool) -> None:
            if run.ready != verdict and not run.stopped_because:
                run.ready = verdict
                self._around.changed()

        def unhealthy(why: str, probe: Json) -> None:
            self._keep(self.stop(probe.get("terminationGracePeriodSeconds", self._around.grace_seconds), because=why))

        return Listeners(started=started, ready=ready, unhealthy=unhealthy)

    def _target(self, run: Run) -> Target:
        return Target(container=self.spec, address=self._around.address, recipe=run.recipe, outputs=self._around.place.run)

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
