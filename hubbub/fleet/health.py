"""Is each process well: heartbeats, probes and memory. Who is not, is replaced or killed, with its stack in its log."""

import asyncio
import json
import logging
import math
import os
import socket
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hubbub.fleet import web
from hubbub.fleet.contract import DUMP, HEARTBEAT_SECONDS, Heartbeat
from hubbub.fleet.errors import BusyError, FleetError
from hubbub.fleet.processes import Child, size_of, stat, usage
from hubbub.fleet.settings import size
from hubbub.fleet.table import Process

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

logger = logging.getLogger("fleet")

HEARTBEAT_SOCKET = "heartbeat.sock"
LARGEST_BEAT = 8_192
MOST_BEATS = 2_000
"""Read at once; the rest a moment later."""
SUSPECT_AFTER = 2.5
"""Heartbeats: a worker that is so late gets no new clients, and gets them again with the next one."""
DUMP_SECONDS = 0.15
"""Between two looks at how much of its stack a worker has written; it takes two of them."""
DUMP_MOST = 2.0
"""However busy the machine is: clients wait meanwhile."""
LOOK_CLOSELY = 0.3
"""Before a heartbeat too many is missed; a little more than a tick."""
PROBES_FAILED = 3
ANSWER_SHOWN = 300
"""Characters of an answer that end up in a reason."""
REPLACE_AGAIN = 60.0
"""Seconds until a replacement that did not get ready is tried again."""
SAMPLE_SECONDS = 10.0
KEPT_SAMPLES = 360
COUNTED = ("requests", "errors", "seconds")
NUMBERS = ("lag", "memory", "sockets", *COUNTED)


class Health:
    """Watches for one supervisor. Everything here that is not on disk is learned again within seconds."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._socket: socket.socket | None = None
        self._heard: dict[str, float] = {}
        """When each worker that ever sent a heartbeat did so last, by the event loop's clock."""
        self._probe_at: dict[str, float] = {}
        self._failed: dict[str, int] = {}
        self._killing: set[str] = set()
        self._used: dict[str, tuple[int, float, float]] = {}
        """pid, CPU seconds and when that was."""
        self._counted: dict[str, tuple[int, Heartbeat]] = {}
        self._replace_at = 0.0
        self._ticked = 0.0
        self._memory_at = 0.0
        self._sample_at = 0.0
        self.replacing = ""
        """The worker that is too large and about to go."""
        self.history: deque[dict[str, Any]] = deque(maxlen=KEPT_SAMPLES)

    def open(self) -> None:
        """Listens for heartbeats. Raises FleetError."""
        path = self._supervisor.settings.directory / HEARTBEAT_SOCKET
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(str(path))
        except OSError as error:
            raise FleetError(f"{path} cannot be made: {error}.") from None
        path.chmod(0o600)
        asyncio.get_running_loop().add_reader(self._socket, self.listen)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        (self._supervisor.settings.directory / HEARTBEAT_SOCKET).unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """A process ended or was started: what was known of it says nothing any more."""
        for known in (self._heard, self._probe_at, self._failed, self._used, self._counted):
            cast(dict[str, Any], known).pop(name, None)
        self._supervisor.suspects.discard(name)
        self._killing.discard(name)

    def adopt(self, process: Process) -> None:
        """One that an earlier supervisor has heard is expected to go on; its time begins now."""
        if process.heard_at:
            self._heard[process.name] = asyncio.get_running_loop().time()

    def listen(self) -> None:
        """Takes in the heartbeats that have come."""
        if self._socket is None:
            return
        by_pid = {process.pid: process for process in self._supervisor.table.processes}
        for _ in range(MOST_BEATS):
            try:
                data = self._socket.recv(LARGEST_BEAT)
            except OSError:
                break
            try:
                beat = read_beat(data)
            except (ValueError, TypeError, KeyError):
                continue
            process = by_pid.get(beat["pid"])
            if process is None or not process.pid:
                continue
            process.heartbeat = beat
            process.heard_at = time.time()
            self._heard[process.name] = asyncio.get_running_loop().time()
            if process.name in self._supervisor.suspects:
                self._supervisor.suspects.discard(process.name)
                self._supervisor.show_soon()

    def tick(self) -> None:
        """Looks after everybody; called a few times a second."""
        now = asyncio.get_running_loop().time()
        settings = self._supervisor.settings
        if self._ticked and now - self._ticked > HEARTBEAT_SECONDS * 2:
            # We stood still ourselves, or the whole machine did: nobody is to blame for that.
            self._heard = dict.fromkeys(self._heard, now)
        self._ticked = now
        self.listen()
        for process in list(self._supervisor.table.processes):
            if process.kind == "worker" and process.pid and process.name not in self._killing:
                self._look_after(process, now)
        if now >= self._memory_at:
            self._memory_at = now + settings.memory_every
            self._measure(now)
        if now >= self._sample_at:
            self._sample_at = now + SAMPLE_SECONDS
            self.sample()

    def _look_after(self, process: Process, now: float) -> None:
        settings = self._supervisor.settings
        if process.state == "starting":
            self._look_at_start(process, now)
            return
        # Whoever develops may stop a worker in the debugger.
        if process.state == "stopping" or settings.mode == "development":
            return
        heard = self._heard.get(process.name)
        if heard is not None:
            late = (now - heard) / HEARTBEAT_SECONDS
            # The dump takes a moment: the end comes when the last heartbeat is missed, not later.
            due = heard + settings.heartbeats_missed * HEARTBEAT_SECONDS - 2 * DUMP_SECONDS
            if now >= due:
                self._kill_soon(process, f"its event loop stood still for {now - heard:.1f} s")
                return
            if due - now < LOOK_CLOSELY:
                asyncio.get_running_loop().call_at(due, self.tick)
            if late >= SUSPECT_AFTER and process.name not in self._supervisor.suspects:
                self._supervisor.suspects.add(process.name)
                self._supervisor.show_soon()
        if now >= self._probe_at.setdefault(process.name, now + settings.probe_every):
            # Not again before this one has ended.
            self._probe_at[process.name] = now + settings.probe_timeout + settings.probe_every
            self._supervisor.spawn(self._probe(process, process.pid))

    def _look_at_start(self, process: Process, now: float) -> None:
        """One of a rollout is its matter; another may wait for what all of them wait for, and then does."""
        table = self._supervisor.table
        if process.colour != table.colour or now < self._supervisor.ready_by[process.name]:
            return
        seconds = self._supervisor.settings.rollout.ready_seconds
        others = [worker for worker in self._supervisor.workers() if worker.state == "ready"]
        text = f"{process.name} is not ready after {seconds:g} s: {process.reason or 'no answer'}"
        self._supervisor.raise_alarm("not ready", process.name, text)
        if others:
            self._kill_soon(process, f"it was not ready after {seconds:g} s")

    async def _probe(self, process: Process, pid: int) -> None:
        settings = self._supervisor.settings
        loop = asyncio.get_running_loop()
        try:
            status, body = await web.get(process.port, settings.probe_path, settings.probe_timeout)
            said = f"answers {status}: {body.decode(errors='replace')[:ANSWER_SHOWN]}"
        except TimeoutError:
            status, said = 0, f"does not answer within {settings.probe_timeout:g} s"
        except (OSError, ValueError) as error:
            status, said = 0, f"does not answer: {error}"
        if process.pid != pid or process.state in ("starting", "stopping"):
            return
        # While it drains it says that it is not ready, as it should.
        if status == 200 or (status and process.state != "ready"):
            self._failed.pop(process.name, None)
            self._probe_at[process.name] = loop.time() + settings.probe_every
            self._supervisor.clear_alarm("probe", process.name)
            return
        failed = self._failed[process.name] = self._failed.get(process.name, 0) + 1
        self._probe_at[process.name] = loop.time() + min(
            settings.probe_every, settings.probe_timeout
        )
        logger.warning("%s %s (%d. time)", process.name, said, failed)
        if failed < PROBES_FAILED:
            return
        self._supervisor.raise_alarm("probe", process.name, f"{process.name} {said}")
        # Alive, but not able to serve like all the others: what they need is away, and no restart brings it back.
        if status and not await self._another_is_well(process):
            return
        still = self._failed.get(process.name, 0) >= PROBES_FAILED and process.pid == pid
        if still and process.state not in ("starting", "stopping", "stopped"):
            self._kill_soon(process, f"it {said}")

    async def _another_is_well(self, process: Process) -> bool:
        """Whether another serves now: its last probe may have been before whatever ails this one."""
        settings = self._supervisor.settings
        others = [
            worker.port
            for worker in self._supervisor.workers()
            if worker.state == "ready" and worker is not process
        ]
        answers = await asyncio.gather(
            *(web.get(port, settings.probe_path, settings.probe_timeout) for port in others),
            return_exceptions=True,
        )
        return any(isinstance(answer, tuple) and answer[0] == 200 for answer in answers)

    def _kill_soon(self, process: Process, reason: str) -> None:
        if process.name in self._killing:
            return
        self._killing.add(process.name)
        self._supervisor.suspects.add(process.name)
        self._supervisor.show_soon()
        self._supervisor.spawn(self._kill(process, process.pid, reason))

    async def _kill(self, process: Process, pid: int, reason: str) -> None:
        """Stack dump into its log, then an end; the restart policy sees to the rest."""
        child = self._supervisor.children.get(process.name)
        if child is None or process.pid != pid:
            return
        logger.error("%s is killed: %s", process.name, reason)
        child.blame = reason
        output = self._supervisor.output(process)
        before = size_of(output)
        child.send(DUMP)
        await dumped(child, output, before)
        child.kill_session()

    def _measure(self, now: float) -> None:
        limit = size(self._supervisor.settings.memory_soft)
        for process in self._supervisor.table.processes:
            if not process.pid:
                continue
            seconds, process.memory = usage(process.pid)
            pid, before, at = self._used.get(process.name, (0, 0.0, 0.0))
            if pid == process.pid and now > at:
                process.cpu = round(max(0.0, seconds - before) / (now - at), 3)
            self._used[process.name] = (process.pid, seconds, now)
        if self.replacing or self._supervisor.busy or now < self._replace_at:
            return
        large = [
            worker
            for worker in self._supervisor.workers()
            if worker.state == "ready" and worker.memory > limit
        ]
        if large:
            worst = max(large, key=lambda worker: worker.memory)
            self.replacing = worst.name
            self._supervisor.spawn(self._replace(worst))

    async def _replace(self, process: Process) -> None:
        """Another one first, then this one goes, drained."""
        text = f"{process.name} holds {process.memory >> 20} MB, more than FLEET_MEMORY_SOFT"
        try:
            async with self._supervisor.changing("replacing " + process.name, operator=False):
                logger.warning("%s: it is replaced", text)
                new = await self._supervisor.replace(process, text)
                self._supervisor.clear_alarm("memory", process.name)
                logger.info("%s took the place of %s", new.name, process.name)
        except BusyError:
            return
        except FleetError as error:
            self._replace_at = asyncio.get_running_loop().time() + REPLACE_AGAIN
            self._supervisor.raise_alarm("memory", process.name, f"{text}, and: {error}")
        finally:
            self.replacing = ""

    def sample(self) -> None:
        """One point of the history: counts are of the time since the last one."""
        workers = [
            process for process in self._supervisor.table.processes if process.kind == "worker"
        ]
        sums = dict.fromkeys(COUNTED, 0.0)
        for process in workers:
            beat = process.heartbeat
            pid, before = self._counted.get(process.name, (0, Heartbeat()))
            known = pid == beat.get("pid")
            self._counted[process.name] = (beat.get("pid", 0), beat)
            if not known and process.uptime > SAMPLE_SECONDS:
                # Adopted: what it counted before is in nobody's last sample.
                continue
            for name in COUNTED:
                # One that was started in between began at 0.
                first = before.get(name, 0) if known else 0
                sums[name] += max(0.0, cast(float, beat.get(name, 0)) - cast(float, first))
        running = [process.heartbeat for process in workers if process.pid]
        self.history.append(
            {
                "at": round(time.time(), 1),
                "ready": sum(worker.state == "ready" for worker in self._supervisor.workers()),
                "wanted": self._supervisor.table.wanted,
                "sockets": sum(beat.get("sockets", 0) for beat in running),
                "requests": int(sums["requests"]),
                "errors": int(sums["errors"]),
                "lag": round(max((beat.get("lag", 0.0) for beat in running), default=0.0), 4),
                "seconds": round(sums["seconds"], 4),
            }
        )

    @property
    def memory(self) -> int:
        """The supervisor's own resident bytes."""
        return usage(os.getpid())[1]


async def dumped(child: Child, output: Path, before: int) -> None:
    """Returns when it has written its stack below the first `before` bytes, or cannot, or did not in time."""
    loop = asyncio.get_running_loop()
    end, seen = loop.time() + DUMP_MOST, before
    while not await child.wait(DUMP_SECONDS):
        size = size_of(output)
        if size == seen != before or loop.time() > end or stat(child.pid)[:1] == ["T"]:
            return
        seen = size


def read_beat(data: bytes) -> Heartbeat:
    """A heartbeat with nothing in it but what the contract names. Raises ValueError, TypeError or KeyError."""
    given = json.loads(data)
    beat: dict[str, Any] = {"pid": int(given["pid"]), "draining": bool(given.get("draining"))}
    for name in NUMBERS:
        if name in given:
            number = float(given[name])
            if not math.isfinite(number):
                raise ValueError(f"{name} is no number")
            beat[name] = number if name in ("lag", "seconds") else int(number)
    return cast(Heartbeat, beat)
