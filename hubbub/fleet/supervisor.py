"""The supervisor: keeps workers, proxy and services running, and goes on where it stood after its own death."""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hubbub.fleet import contract, processes, restarts
from hubbub.fleet.errors import BusyError, FleetError
from hubbub.fleet.front import Front
from hubbub.fleet.health import Health
from hubbub.fleet.processes import Child
from hubbub.fleet.proxy import ProxyError
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.starting import answers_ready, inherited, wait_ready, worker_environment
from hubbub.fleet.table import Colour, Process

if TYPE_CHECKING:
    from hubbub.fleet.local import Service

logger = logging.getLogger("fleet")

KILL_SECONDS = 10.0
"""How long the kernel may take to end a process that was killed; one in the middle of a bad disk's read may stay."""
SERVICE_SECONDS = 30.0
"""A database may take longer to end well than a worker."""
ASK_READY = 0.05
READY_SECONDS = 2.0
"""How long one answer about being ready may take."""


class Supervisor(Front):
    """Everything that runs, by one event loop. What it must not forget is in the table, on disk before it is done."""

    def __init__(self, settings: FleetSettings) -> None:
        """Raises FleetError when the table of an earlier supervisor cannot be read."""
        super().__init__(settings)
        self.services: dict[str, Service] = {}
        self.environment_of_services: dict[str, str] = {}
        """What workers need to find the services."""
        self.children: dict[str, Child] = {}
        self.health = Health(self)
        self.prepared = False
        """Whether what does not run may be started: not before what the workers need."""
        self.failure = ""
        """Why a fleet of which nothing ran could not be started."""
        self.ending = asyncio.Event()
        self.ended = asyncio.Event()
        self.last_exits: dict[str, str] = {}
        """How each that ended in this supervisor's time did so last."""
        self.ready_by: dict[str, float] = {}
        """By the event loop's clock, until when each that gets ready may take."""
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._output_from: dict[str, int] = {}
        """Where in its file begins what a process has printed since its start."""
        self._outage = False
        """Whether every worker was given up, and none has been ready since."""
        self._outage_at = 0.0

    # What runs

    async def start_worker(self, colour: Colour) -> Process:
        """Starts one more by its colour's settings, in the release as it resolves now; it is not ready yet.

        Raises FleetError.
        """
        taken = {process.number for process in self.workers(colour)}
        number = next(count for count in range(1, len(taken) + 2) if count not in taken)
        settings = self.settings_of[colour]
        release = settings.release
        folder = os.path.realpath(release) if release else os.getcwd()  # noqa: ASYNC240 - no disk
        process = Process(
            name=f"{colour}-{number}",
            kind="worker",
            command=list(settings.command),
            number=number,
            colour=colour,
            release=folder if release else "",
            folder=folder,
            port=self._free_port(),
        )
        self.table.processes.append(process)
        try:
            self.launch(process)
        except FleetError:
            self._remove(process)
            raise
        return process

    def add(self, process: Process) -> None:
        """Takes a proxy or service into the table, and starts it where it does not run."""
        if process not in self.table.processes:
            self.table.processes.append(process)
        if not process.pid and process.name not in self._waiting:
            self.again(process)

    def _free_port(self) -> int:
        taken = {process.port for process in self.table.processes}
        for port in self.settings.port_range:
            if port not in taken and processes.port_is_free(port):
                return port
        raise FleetError(f"Every port of {self.settings.ports} (FLEET_PORTS) is taken.")

    def launch(self, process: Process) -> None:
        """Runs a process of the table. Raises FleetError."""
        name = process.name
        if self.ending.is_set():
            raise FleetError("The fleet is going down.")
        self._cancel_restart(name)
        self.health.forget(name)
        if process.kind == "worker" and not processes.port_is_free(process.port):
            process.port = self._free_port()
        process.state, process.reason = "starting", ""
        process.heartbeat, process.heard_at = contract.Heartbeat(), 0.0
        process.cpu, process.memory = 0.0, 0

        def started(pid: int, ticks: int) -> None:
            process.pid, process.ticks, process.started_at = pid, ticks, time.time()
            self.save()

        self._output_from[name] = processes.size_of(self.output(process))
        processes.spawn(
            process.command,
            self._environment(process),
            process.folder or os.getcwd(),
            self.output(process),
            started,
        )
        self.children[name] = Child(
            process.pid, process.ticks, lambda child: self._on_exit(process, child)
        )
        logger.info("%s started as process %d", name, process.pid)
        self.watch_start(process)

    def _environment(self, process: Process) -> dict[str, str]:
        if service := self.services.get(process.name):
            return dict(service.environment)
        if process.kind != "worker":
            return inherited()
        return worker_environment(
            process, self.settings_of[process.colour], self.environment_of_services
        )

    def output(self, process: Process) -> Path:
        """The file of what it prints."""
        return self.settings.log_dir / f"{process.name}.out"

    # Getting ready

    def watch_start(self, process: Process) -> None:
        seconds = self.settings_of[process.colour].rollout.ready_seconds
        self.ready_by[process.name] = asyncio.get_running_loop().time() + seconds
        self.spawn(self._get_ready(process, process.pid))

    async def _get_ready(self, process: Process, pid: int) -> None:
        while process.pid == pid and process.state == "starting":
            try:
                async with asyncio.timeout(READY_SECONDS):
                    ready = await self._is_ready(process)
            except (OSError, ProxyError) as error:
                ready, process.reason = False, str(error) or "does not answer"
            if process.pid != pid or process.state != "starting":
                return
            if ready:
                self._is_now_ready(process)
                return
            await asyncio.sleep(ASK_READY)

    async def _is_ready(self, process: Process) -> bool:
        if process.kind == "proxy":
            return self.proxy is not None and await self.proxy.ready()
        if process.kind == "service":
            service = self.services.get(process.name)
            return service is None or await service.ready()
        path = self.settings_of[process.colour].probe_path
        ready, process.reason = await answers_ready(process.port, path, READY_SECONDS)
        return ready

    def _is_now_ready(self, process: Process) -> None:
        process.state, process.reason = "ready", ""
        for alarm in ("failed", "not ready", "restarts", "probe"):
            self.clear_alarm(alarm, process.name)
        self.save()
        logger.info("%s is ready after %.2f s", process.name, process.uptime)
        self.show_soon()

    async def wait_ready(self, process: Process, seconds: float) -> None:
        """Returns when it is ready. Raises FleetError with the reason and the end of its output otherwise."""
        await wait_ready(process, seconds, self.output(process), self.last_exits)

    def adopt(self) -> None:
        """Takes over what an earlier supervisor left running, and sees what has ended since."""
        boot = processes.boot()
        rebooted, self.table.boot = self.table.boot != boot, boot
        for process in list(self.table.processes):
            running = not rebooted and self._adopt(process)
            if running:
                logger.info("%s runs as process %d and is taken over", process.name, process.pid)
                continue
            if process.pid:
                logger.warning("%s ended while there was no supervisor", process.name)
                process.reason = "it ended while there was no supervisor"
            process.pid = process.ticks = 0
            if process.state == "stopping" or (process.state in ("draining", "warm")):
                self._remove(process)
            elif process.state != "failed" or rebooted:
                process.state = "stopped"
                if rebooted:
                    process.exits, process.quick = [], 0
        self.save()
        self.show_soon()

    def _adopt(self, process: Process) -> bool:
        try:
            child = Child(
                process.pid,
                process.ticks,
                lambda child: self._on_exit(process, child),
                adopted=True,
            )
        except (OSError, ValueError):
            return False
        self.children[process.name] = child
        self.health.adopt(process)
        if process.state == "starting":
            self.watch_start(process)
        elif process.state == "draining":
            self.await_drained(process)
        elif process.state == "stopping":
            self.spawn(self.stop_process(process))
        return True

    # Ending

    async def down(self) -> None:
        """Ends everything: workers side by side, then the proxy, then the services, and what keeps them running."""
        if self.ending.is_set():
            await self.ended.wait()
            return
        self.ending.set()
        for name in list(self._waiting):
            self._cancel_restart(name)
        for kind in ("worker", "proxy", "service"):
            # Side by side, but services one after the other, in the order opposite to their start.
            while found := [one for one in reversed(self.table.processes) if one.kind == kind]:
                at_once = found if kind == "worker" else found[:1]
                await asyncio.gather(*map(self.stop_process, at_once))
        self.table.alarms = [alarm for alarm in self.table.alarms if alarm.until]
        self.save()
        self.ended.set()

    def drain(self, process: Process) -> None:
        """Asks it to send its clients elsewhere; `draining` now, `warm` after rollout.drain_seconds."""
        child = self.children.get(process.name)
        if child is None or process.state == "stopping":
            return
        process.state = "draining"
        self.save()
        child.send(contract.DRAIN)
        self.show_soon()
        self.await_drained(process)

    def await_drained(self, process: Process) -> None:
        asyncio.get_running_loop().call_later(
            self.settings.rollout.drain_seconds, self._drained, process, process.pid
        )

    def _drained(self, process: Process, pid: int) -> None:
        if process.pid == pid and process.state == "draining":
            process.state = "warm"
            self.save()

    def resume(self, process: Process) -> None:
        """Makes a drained worker ready again. Raises FleetError when it does not run."""
        child = self.children.get(process.name)
        if child is None or process.state not in ("draining", "warm"):
            raise FleetError(f"{process.name} is {process.state}: there is nothing to take back.")
        child.send(contract.RESUME)
        process.state = "starting"
        self.save()
        self.watch_start(process)

    async def stop_process(self, process: Process) -> None:
        """Ends it, gracefully for settings.grace_seconds, and takes it out of the table."""
        await self.end_process(process)
        self._remove(process)
        self.in_rotation.discard(process.name)
        for alarm in [alarm for alarm in self.table.alarms if alarm.about == process.name]:
            self.clear_alarm(alarm.name, alarm.about)
        self.save()

    async def end_process(self, process: Process) -> None:
        """Ends it and leaves it in the table, stopped."""
        self._cancel_restart(process.name)
        served = process.state == "ready" and process.kind == "worker"
        process.state = "stopping"
        self.save()
        if served:
            await self.try_to_show()
        child = self.children.get(process.name)
        if child is not None:
            service = self.services.get(process.name)
            grace = max(self.settings.grace_seconds, SERVICE_SECONDS if service else 0.0)
            child.send(service.stop if service else contract.STOP)
            if not await child.wait(grace):
                logger.warning("%s did not end within %g s and is killed", process.name, grace)
                child.kill_session()
                if not await child.wait(KILL_SECONDS):
                    logger.error("%s cannot even be killed", process.name)
        process.state = "stopped"
        self.save()

    def _remove(self, process: Process) -> None:
        if process in self.table.processes:
            self.table.processes.remove(process)

    async def replace(self, process: Process, reason: str) -> Process:
        """Starts another worker, and when it is ready drains and ends this one. Raises FleetError; this one stays."""
        new = await self.start_worker(process.colour)
        new.reason = reason
        try:
            await self.wait_ready(new, self.settings.rollout.ready_seconds)
        except FleetError:
            await self.stop_process(new)
            raise
        await self.try_to_show()
        await self.retire(process)
        return new

    async def retire(self, process: Process) -> None:
        """Drains a worker, as long as that takes, and ends it."""
        self.drain(process)
        await self.try_to_show()
        while process.pid and process.state == "draining":  # noqa: ASYNC110 - seconds, seldom
            await asyncio.sleep(0.1)
        await self.stop_process(process)

    # Exits and restarts

    def _on_exit(self, process: Process, child: Child) -> None:
        if self.children.get(process.name) is child:
            del self.children[process.name]
        if process.pid != child.pid:
            return
        uptime = process.uptime
        process.pid = process.ticks = 0
        was = process.state
        reason = self.last_exits[process.name] = child.blame or child.outcome
        self.health.forget(process.name)
        log = logger.info if was == "stopping" else logger.warning
        log("%s %s after %.1f s", process.name, child.outcome, uptime)
        if was == "stopping":
            self.save()
            return
        self.show_soon()
        self.fell(process, reason, quick=uptime < self.settings.least_uptime)

    def fell(self, process: Process, reason: str, *, quick: bool) -> None:
        """It ended unasked, or could not be started: again now, later or never."""
        now = time.time()
        process.state, process.reason = "stopped", reason
        if process.kind == "worker" and process.colour != self.table.colour:
            # Of a rollout, which sees it and says so; or kept for a way back, which then takes a start.
            self.save()
            return
        process.exits = restarts.recent([*process.exits, now], now)
        process.quick = process.quick + 1 if quick else 0
        process.restarts += 1
        verdict = restarts.decide(
            process.quick,
            process.exits,
            now,
            most=self.settings.restarts,
            least_uptime=self.settings.least_uptime,
        )
        if not verdict.given_up:
            self._restart_in(process, verdict.delay)
        elif process.kind == "worker":
            process.state = "failed"
            self.raise_alarm(
                "failed",
                process.name,
                f"{process.name} is given up: {verdict.given_up} (last: {reason}). Its output is in "
                f"{self.output(process)}; `restart {process.name}` tries again.",
            )
        else:
            # There is only one of it, and without it nothing works: never given up.
            text = f"{process.name}: {verdict.given_up} (last: {reason}); it is tried again"
            self.raise_alarm("restarts", process.name, text)
            self._restart_in(process, restarts.LARGEST_DELAY)
        self.save()

    def _restart_in(self, process: Process, delay: float) -> None:
        self._cancel_restart(process.name)
        if not delay:
            self.again(process)
            return
        process.reason += f"; starts again in {delay:.1f} s"
        self._waiting[process.name] = asyncio.get_running_loop().call_later(
            delay, self.again, process
        )

    def _cancel_restart(self, name: str) -> None:
        if timer := self._waiting.pop(name, None):
            timer.cancel()

    def again(self, process: Process) -> None:
        """Starts what ended."""
        self._cancel_restart(process.name)
        if process not in self.table.processes or process.pid or self.ending.is_set():
            return
        try:
            if process.kind == "proxy" and self.proxy is not None:
                self.proxy.prepare(self.backends())
                process.command = self.proxy.command()
            self.launch(process)
        except (FleetError, ProxyError) as error:
            logger.error("%s cannot be started: %s", process.name, error)
            # Out of the caller's way, and never in a loop without a pause.
            self._waiting[process.name] = asyncio.get_running_loop().call_later(
                ASK_READY, self._fell_at_start, process, str(error)
            )

    def _fell_at_start(self, process: Process, reason: str) -> None:
        self._cancel_restart(process.name)
        if process in self.table.processes and not process.pid and process.state != "failed":
            self.fell(process, reason, quick=True)

    def try_again(self, process: Process) -> None:
        """Forgets earlier exits and starts one that does not run."""
        process.quick, process.exits = 0, []
        for alarm in ("failed", "restarts"):
            self.clear_alarm(alarm, process.name)
        self.again(process)

    def reconcile(self) -> None:
        """Makes what runs what shall run, where nobody is at it: after a start, a lost timer, a change's death."""
        if self.ending.is_set() or not self.prepared:
            return
        for process in list(self.table.processes):
            ours = process.kind != "worker" or process.colour == self.table.colour
            if ours and process.state == "stopped" and process.name not in self._waiting:
                self.again(process)
        if self._changing.locked():
            return
        workers = self.workers()
        self._end_outage(workers)
        if len(workers) != self.table.wanted:
            self.spawn(self._correct())

    def _end_outage(self, workers: list[Process]) -> None:
        """Tries one now and then while all of them are given up, and the others when that one gets ready.

        What all of them lacked, a database perhaps, may be back; nobody shall have to be woken for that.
        """
        now = asyncio.get_running_loop().time()
        failed = [process for process in workers if process.state == "failed"]
        if failed and len(failed) == len(workers):
            if not self._outage:
                self._outage, self._outage_at = True, now + self.settings.probe_every
            elif now >= self._outage_at:
                self._outage_at = now + self.settings.probe_every
                self.again(failed[0])
        elif self._outage and any(process.state == "ready" for process in workers):
            self._outage = False
            for process in failed:
                self.try_again(process)

    async def _correct(self) -> None:
        """Starts the workers that are missing; drains and ends those too many."""
        try:
            async with self.changing("correcting the number of workers", operator=False):
                workers = self.workers()
                for _ in range(self.table.wanted - len(workers)):
                    await self.start_worker(self.table.colour)
                surplus = sorted(workers, key=lambda one: (one.state == "ready", -one.number))
                for process in surplus[: max(0, len(workers) - self.table.wanted)]:
                    await self.retire(process)
                self.clear_alarm("workers", "fleet")
        except BusyError:
            # Whoever is at it changes their number; the next look sees what came of it.
            return
        except FleetError as error:
            self.raise_alarm("workers", "fleet", str(error))
