"""What a fleet needs between an operator's verbs: the way back watched and in the end given up, and scaling."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from hubbub.fleet.canary import Figures, Window, failing, figures
from hubbub.fleet.colours import other
from hubbub.fleet.control import audit
from hubbub.fleet.errors import BusyError, FleetError
from hubbub.fleet.rollout import BEFORE, ITSELF, ROLL_BACK, ROLLED_BACK, Rollouts
from hubbub.fleet.scaling import Scaler, look_at, scale
from hubbub.fleet.table import Rollout

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

logger = logging.getLogger("fleet")

EVERY_SECONDS = 0.25
WINDOW_SECONDS = 5.0
"""Over which a new release's share of errors is looked at while the old one is warm."""
FLIP_AGAIN_SECONDS = 30.0
"""After the old ones did not get ready: what they all need may be away, and no release is to blame."""
BAD_KEPT_SECONDS = 30.0
"""How long workers that were rolled back stay, for their clients to go."""


class Aftercare:
    """Of one supervisor."""

    def __init__(self, supervisor: "Supervisor", rollouts: Rollouts) -> None:
        self._supervisor = supervisor
        self._rollouts = rollouts
        self._scaler = Scaler()
        self._window = Window()
        self._window_end = 0.0
        self._next_look = time.monotonic() + supervisor.settings.scale.every
        self._flip_again = 0.0
        self._stopping: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Ends what an earlier supervisor began, then looks after everything until it is cancelled."""
        if self._rollouts.current is not None:
            await self._try(self._recover())
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            if self._rollouts.current is None and not self._rollouts.flipping:
                await self._try(self._watch())
                await self._try(self._give_up_warm())
                await self._try(self._scale())

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong here is nobody's request: it is logged, and tried again."""
        try:
            await work
        except BusyError:
            return
        except FleetError as error:
            logger.warning("%s", error)
        except Exception:
            logger.exception("the supervisor failed at something between two verbs")

    async def _recover(self) -> None:
        async with self._supervisor.changing("ending the rollout", operator=False):
            await self._rollouts.recover()

    async def _watch(self) -> None:
        """Goes back by itself when the new release raises an alarm while the old one is warm."""
        last = self._last()
        if last is None or last.step in (*BEFORE, ROLL_BACK) or last.outcome != "done":
            return
        colour = other(self._supervisor.table.colour)
        if not any(worker.state == "warm" for worker in self._supervisor.workers(colour)):
            return
        if reason := self._rollouts.alarmed(last) or self._errors():
            if time.monotonic() < self._flip_again:
                return
            try:
                await self._rollouts.flip(ITSELF, reason, lambda text: logger.warning("%s", text))
            except FleetError:
                self._flip_again = time.monotonic() + FLIP_AGAIN_SECONDS
                raise
            self._tell("rollback", {}, reason)
            self._supervisor.raise_alarm(
                ROLLED_BACK, last.to or "release", f"It was rolled back by itself: {reason}"
            )

    def _errors(self) -> str:
        """Why the share of errors in the last window is too high; "" when it is not, or the window is not over."""
        supervisor = self._supervisor
        seen = self._window.look((each.name, each.heartbeat) for each in supervisor.workers())
        if time.monotonic() < self._window_end:
            return ""
        self._window_end = time.monotonic() + WINDOW_SECONDS
        self._window.sum = Figures()
        old = Figures()
        for worker in supervisor.workers(other(supervisor.table.colour)):
            old += figures(worker.heartbeat)
        return failing(seen, old, supervisor.settings.rollout)

    async def _give_up_warm(self) -> None:
        """Stops the colour out of rotation when its time is over."""
        supervisor, last = self._supervisor, self._last()
        if last is None or not last.outcome or self._rollouts.flipping:
            return
        kept = supervisor.settings.rollout.warm_seconds
        over = last.ended_at + (BAD_KEPT_SECONDS if last.step == ROLL_BACK else kept) < time.time()
        for worker in supervisor.workers(other(supervisor.table.colour)):
            if worker.state == "ready":
                # A way back that the proxy took only later.
                supervisor.drain(worker)
            lost = worker.state in ("failed", "stopped")
            if (lost or (over and worker.state == "warm")) and worker.name not in self._stopping:
                # Not waited for: the way back must not wait for it either.
                task = asyncio.ensure_future(supervisor.stop_process(worker))
                self._stopping[worker.name] = task
                task.add_done_callback(partial(self._stopped, worker.name))

    def _stopped(self, name: str, _task: asyncio.Task[None]) -> None:
        self._stopping.pop(name, None)

    async def _scale(self) -> None:
        supervisor, table = self._supervisor, self._supervisor.table
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + supervisor.settings.scale.every
        wanted, reason = self._scaler.decide(
            look_at(supervisor.workers()), table.wanted, supervisor.settings.scale
        )
        if wanted != table.wanted:
            async with supervisor.changing("scaling", operator=False):
                await scale(supervisor, wanted, logger.info)
            self._tell("scale", {"to": str(wanted)}, reason)

    def _tell(self, verb: str, arguments: dict[str, Any], reason: str) -> None:
        """The audit line of what nobody asked for."""
        audit(self._supervisor.settings.directory, verb, ITSELF, arguments, f"done: {reason}")

    def _last(self) -> Rollout | None:
        rollouts = self._supervisor.table.rollouts
        return rollouts[-1] if rollouts else None
