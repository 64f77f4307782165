"""How many workers there shall be: what the operator asked for, or what the load asks for within bounds."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubbub.fleet.control import Progress, Request, Verb
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings, ScaleSettings
from hubbub.fleet.table import Process

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

HIGH_LOOKS = 3
"""Lag must be high in that many looks in a row."""
LOW_LOOKS = 6
"""And everything low in that many before a worker goes."""
LOW_SHARE = 0.6
"""A worker goes only when the others would then be at most that full: so the next look does not want it back."""
LOW_LAG = 0.5
"""Share of the lag's bound."""
REST_UP = 2
"""Looks after a change in which no worker is added: the last one must have taken its share first."""
REST_DOWN = 12


GONE_SECONDS = 5.0
"""How much longer than its pace a drain may take; what is left then goes by the stop."""


@dataclass(frozen=True)
class Look:
    """The workers in rotation at one moment."""

    ready: int
    sockets: int
    lag: float
    """The mean over the workers: one that hangs is the supervisor's matter, not a reason for another."""


def look_at(workers: Sequence[Process]) -> Look:
    """What the heartbeats of these workers say."""
    ready = [worker for worker in workers if worker.state == "ready"]
    lags = [worker.heartbeat.get("lag", 0.0) for worker in ready]
    return Look(
        ready=len(ready),
        sockets=sum(worker.heartbeat.get("sockets", 0) for worker in ready),
        lag=sum(lags) / len(lags) if lags else 0.0,
    )


class Scaler:
    """Decides, look by look. Its memory is short: a supervisor that was killed begins anew, and waits first."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque(maxlen=LOW_LOOKS)
        self._since_change = 0

    def decide(self, look: Look, wanted: int, settings: ScaleSettings) -> tuple[int, str]:
        """How many workers there shall be now, and why when that is another number than `wanted`.

        One worker at a time; nothing while some are not ready, since then the load is not theirs yet.
        """
        if settings.least >= settings.most:
            return wanted, ""
        self._since_change += 1
        self._looks.append(look)
        if wanted < max(1, settings.least):
            return self._change(wanted + 1, f"at least {settings.least} are set")
        if wanted > settings.most:
            return self._change(wanted - 1, f"at most {settings.most} are set")
        if look.ready < wanted:
            self._looks.clear()
            return wanted, ""
        if wanted < settings.most and self._since_change > REST_UP:
            each = look.sockets / look.ready
            if each > settings.sockets:
                return self._change(wanted + 1, f"{each:.0f} sockets on each worker")
            recent = list(self._looks)[-HIGH_LOOKS:]
            if len(recent) == HIGH_LOOKS and min(past.lag for past in recent) > settings.lag:
                return self._change(wanted + 1, f"{look.lag:.2f} s of loop lag")
        if wanted > max(1, settings.least) and self._since_change > REST_DOWN:
            room = settings.sockets * LOW_SHARE * (wanted - 1)
            if len(self._looks) == LOW_LOOKS and all(
                past.sockets <= room and past.lag <= settings.lag * LOW_LAG for past in self._looks
            ):
                return self._change(wanted - 1, f"{look.sockets} sockets in all")
        return wanted, ""

    def _change(self, wanted: int, reason: str) -> tuple[int, str]:
        self._looks.clear()
        self._since_change = 0
        return wanted, reason


def target(text: str, settings: FleetSettings, wanted: int) -> int:
    """The number meant by "4", "+1" or "-2". Raises FleetError when it cannot be had."""
    match = re.fullmatch(r"([+-]?)(\d{1,4})", text)
    if match is None:
        raise FleetError(f"{text!r} is neither a number of workers nor a change such as +1.")
    number = int(match[2])
    to = wanted + number if match[1] == "+" else wanted - number if match[1] else number
    most = len(settings.port_range) // 2
    if to < 1:
        raise FleetError("One worker must stay. `hubbub fleet down` stops them all.")
    if to > most:
        raise FleetError(
            f"FLEET_PORTS {settings.ports} has room for {most} workers, "
            "since a reload needs twice as many ports."
        )
    scale = settings.scale
    if scale.least < scale.most and not scale.least <= to <= scale.most:
        raise FleetError(
            f"The fleet scales by itself between {scale.least} and {scale.most} workers "
            "(FLEET_SCALE_LEAST, FLEET_SCALE_MOST)."
        )
    return to


async def scale(supervisor: "Supervisor", to: int, progress: Progress) -> None:
    """Adds workers, ready one by one, or drains and stops those with the fewest sockets.

    Raises FleetError when one does not get ready; those that did stay.
    """
    table = supervisor.table
    while table.wanted < to:
        worker = await supervisor.start_worker(table.colour)
        try:
            await supervisor.wait_ready(worker, supervisor.settings.rollout.ready_seconds)
        except BaseException:
            await supervisor.stop_process(worker)
            raise
        table.wanted += 1
        supervisor.save()
        await supervisor.show()
        progress(f"{worker.name} is ready; {table.wanted} of {to} workers.")
    if table.wanted > to:
        table.wanted = to
        supervisor.save()
        leaving = surplus(supervisor.workers(table.colour), to)
        await retire(supervisor, leaving, progress)


def surplus(workers: Sequence[Process], to: int) -> list[Process]:
    """Which workers go so that `to` stay: those that serve nobody new, then those with the fewest sockets."""
    order = sorted(
        workers,
        key=lambda worker: (
            worker.state == "ready",
            worker.heartbeat.get("sockets", 0),
            -worker.number,
        ),
    )
    return order[: max(0, len(order) - to)]


async def retire(supervisor: "Supervisor", workers: Sequence[Process], progress: Progress) -> None:
    """Drains these workers side by side, waits until their clients have gone elsewhere, and stops them."""
    for worker in workers:
        supervisor.drain(worker)
    await supervisor.try_to_show()
    deadline = time.monotonic() + supervisor.settings.rollout.drain_seconds + GONE_SECONDS
    while time.monotonic() < deadline and any(one.state == "draining" for one in workers):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    for worker in workers:
        await supervisor.stop_process(worker)
        progress(f"{worker.name} is drained and stopped.")


async def run(request: Request) -> dict[str, Any]:
    """`to`: a number or a change of it."""
    supervisor = request.supervisor
    to = target(str(request.arguments.get("to")), supervisor.settings, supervisor.table.wanted)
    if to == supervisor.table.wanted:
        request.progress(f"{to} workers it is already.")
    await scale(supervisor, to, request.progress)
    return {"wanted": to}


VERBS = {"scale": Verb(run)}
