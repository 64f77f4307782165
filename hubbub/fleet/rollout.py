"""Puts a new release, or new settings, in place of the old one: two colours, and back again when it is bad.

The new colour's workers start on spare ports, get ready, are tried by the smoke command, one of them serves beside the
old ones for a while as a canary, and only then all clients are sent to the new ones and the old ones drained. These
stay warm, so that the way back takes no start. Whatever fails before that leaves the old ones as they were.

Every step is in the table before it is taken: a supervisor that was killed in the middle goes on in `recover`.
"""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hubbub.fleet.canary import Window, failing, verdict
from hubbub.fleet.colours import check_alive, check_change, other, release_of, start_workers
from hubbub.fleet.control import Progress, Request, Verb
from hubbub.fleet.errors import FleetError
from hubbub.fleet.scaling import GONE_SECONDS
from hubbub.fleet.scaling import VERBS as SCALE_VERBS
from hubbub.fleet.settings import FleetSettings, SettingsError, parse_settings
from hubbub.fleet.smoke import run_smoke
from hubbub.fleet.table import Colour, Process, Rollout

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

KEPT = ("warm", "draining", "starting", "ready")
BEFORE = ("start", "smoke", "canary")
"""Steps in which the old colour serves; the later ones are `switch`, `drain` and `warm`."""
RESTART = "restart"
HANDED = re.compile(r"next-\w+\.json")
ITSELF = "supervisor"
"""Who goes back when nobody has asked for it."""
ROLL_BACK = "roll back"
ROLLED_BACK = "rolled back"
"""The alarm that a release was rolled back by itself; over when another one serves."""
RESUMED_SECONDS = 5.0
"""How long a warm worker may take to say that it is ready again."""
LOOK_SECONDS = 0.25


class Rollouts:
    """Of one supervisor: the reload that goes on, and the way back from the last one."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._work: asyncio.Task[None] | None = None
        self._called_off_by = ""
        self.flipping = False
        """Whether workers out of rotation are about to come back."""

    @property
    def verbs(self) -> dict[str, Verb]:
        """For the control socket."""
        return {
            "reload": Verb(self._reload_verb),
            "rollback": Verb(self._rollback_verb, alone=False),
            **SCALE_VERBS,
        }

    async def _reload_verb(self, request: Request) -> dict[str, Any]:
        """`settings`: name of a file in the directory with what to serve by, removed; `restart`: with a pause."""
        directory = self._supervisor.settings.directory
        name = str(request.arguments.get("settings"))
        if not HANDED.fullmatch(name):
            raise FleetError(f"{name!r} is no file with settings.")
        path = directory / name
        try:
            settings = parse_settings(json.loads(path.read_text()))
        except (OSError, ValueError, SettingsError) as error:
            raise FleetError(f"The new settings cannot be used: {error}") from None
        finally:
            path.unlink(missing_ok=True)
        restart = bool(request.arguments.get("restart"))
        rollout = await self.reload(settings, request.who, request.progress, restart=restart)
        return asdict(rollout)

    async def _rollback_verb(self, request: Request) -> dict[str, Any]:
        return asdict(await self.rollback(request.who, request.progress))

    @property
    def current(self) -> Rollout | None:
        """The one that has not ended."""
        rollouts = self._supervisor.table.rollouts
        return rollouts[-1] if rollouts and not rollouts[-1].outcome else None

    async def reload(
        self, settings: FleetSettings, who: str, progress: Progress, *, restart: bool = False
    ) -> Rollout:
        """Serves by these settings from now on. Raises FleetError with the reason why it does not.

        With `restart` the old workers are stopped first: for workers of which two cannot run side by side.
        """
        if self.current is not None or self._work is not None:
            raise FleetError("A reload is going on.")
        if not self._supervisor.table.wanted:
            raise FleetError("The fleet is still starting.")
        check_change(self._supervisor.settings, settings)
        # Where a link leads now, for all workers of it, however long they live.
        settings = replace(settings, release=release_of(settings))
        rollout = self._record(who, release_of(settings), RESTART if restart else BEFORE[0])
        work = self._restart if restart else self._replace
        self._called_off_by = ""
        self._work = asyncio.ensure_future(work(rollout, settings, progress))
        try:
            await self._work
        except asyncio.CancelledError:
            if not self._called_off_by:
                raise
            raise FleetError(f"{self._called_off_by} rolled it back.") from None
        except Exception as error:
            reason = self._reason(error)
            if not rollout.outcome:
                self._end(rollout, "failed", reason)
            if isinstance(error, FleetError):
                raise FleetError(reason) from None
            raise
        finally:
            self._work = None
        return rollout

    async def rollback(self, who: str, progress: Progress) -> Rollout:
        """Serves by the workers before the last reload again, within a second; calls off a reload that goes on.

        Raises FleetError when there are none.
        """
        rollout = self.current
        if rollout is not None and self._work is not None:
            if rollout.step == RESTART:
                raise FleetError("The old workers are stopped; wait for the end of the restart.")
            switched = rollout.step not in BEFORE
            self._called_off_by = who
            self._work.cancel()
            if not switched:
                await asyncio.wait([self._work])
                progress("The reload is called off; the old workers serve as before.")
                return rollout
        last = self._supervisor.table.rollouts[-1:]
        if self.flipping or (last and last[0].step == ROLL_BACK):
            # Twice would serve the bad ones again: whoever asked may have come second.
            raise FleetError(f"It was rolled back already: {last[0].reason}")
        return await self.flip(who, f"{who} rolled it back.", progress)

    async def flip(self, who: str, reason: str, progress: Progress) -> Rollout:
        """Puts the warm colour in place of the one in rotation. Raises FleetError when it cannot serve."""
        self.flipping = True
        try:
            return await self._flip(who, reason, progress)
        finally:
            self.flipping = False

    async def _flip(self, who: str, reason: str, progress: Progress) -> Rollout:
        supervisor, table = self._supervisor, self._supervisor.table
        bad, good = table.colour, other(table.colour)
        workers = [each for each in supervisor.workers(good) if each.pid and each.state in KEPT]
        if not workers:
            raise FleetError(
                "There is nothing to go back to: no workers of an earlier release are kept."
            )
        for worker in workers:
            if worker.state in ("warm", "draining"):
                supervisor.resume(worker)
        ready = await asyncio.gather(
            *(supervisor.wait_ready(worker, RESUMED_SECONDS) for worker in workers),
            return_exceptions=True,
        )
        problems = [result for result in ready if isinstance(result, BaseException)]
        if len(problems) == len(workers):
            for worker in workers:
                supervisor.drain(worker)
            raise FleetError(f"The earlier workers do not get ready again. {problems[0]}")
        for undone in table.rollouts[-1:]:
            if undone.outcome == "failed":
                continue
            undone.outcome, undone.reason = "rolled back", reason
            undone.ended_at = undone.ended_at or time.time()
        rollout = self._record(who, release_of(supervisor.settings_of[good]), ROLL_BACK)
        rollout.reason = reason
        changed = supervisor.settings_of[good].count != supervisor.settings.count
        # Those missing in it, because they ended while they were warm, the supervisor starts again.
        self._serve_with(good, len(workers) if changed else table.wanted)
        try:
            await supervisor.show()
        except FleetError as error:
            # It is told again with each tick, and then they serve.
            self._end(rollout, "failed", str(error))
            raise
        progress(f"The {good} workers serve again; the {bad} ones are drained and then stopped.")
        for worker in supervisor.workers(bad):
            await self._let_go(worker)
        self._end(rollout, "done", reason)
        return rollout

    async def recover(self) -> None:
        """Ends what a supervisor before this one had begun: safely, whatever it was doing. Raises FleetError."""
        rollout, table = self.current, self._supervisor.table
        if rollout is None:
            return
        text = f"The supervisor ended while it was at the step {rollout.step!r}"
        if rollout.step in BEFORE:
            await self._give_up(
                rollout, other(table.colour), f"{text}; the old workers serve as before."
            )
        elif rollout.step == RESTART:
            await self._start_anew(rollout, other(table.colour), print)
        else:
            await self._supervisor.try_to_show()
            for worker in self._supervisor.workers(other(table.colour)):
                await self._let_go(worker)
            self._end(rollout, "done", f"{text}; its successor ended it.")

    async def _replace(self, rollout: Rollout, settings: FleetSettings, progress: Progress) -> None:
        supervisor, table = self._supervisor, self._supervisor.table
        old, new = table.colour, other(table.colour)
        try:
            await self._stop_all(new)
            supervisor.settings_of[new] = settings
            changed = settings.count != supervisor.settings.count
            workers = await start_workers(
                supervisor, new, settings.count if changed else table.wanted, progress
            )
            if settings.rollout.smoke:
                self._step(rollout, "smoke", progress, "The smoke command tries the new workers.")
                await run_smoke(settings, workers, supervisor.workers(old), release_of(settings))
            await self._try_canary(rollout, settings, workers, progress)
        except BaseException as error:
            # Not the task's own time any more: it may have been cancelled.
            await asyncio.shield(self._give_up(rollout, new, self._reason(error)))
            raise
        self._step(rollout, "switch", progress, "")
        before = table.wanted
        self._serve_with(new, len(workers))
        try:
            await supervisor.show()
        except FleetError as error:
            self._serve_with(old, before)
            await self._give_up(rollout, new, str(error))
            raise
        progress(f"The {new} workers serve; the {old} ones ask their clients to move.")
        await self._leave(rollout, old, progress)

    def _reason(self, error: BaseException) -> str:
        if self._supervisor.ending.is_set():
            return "The fleet was taken down meanwhile."
        return f"{self._called_off_by} rolled it back." if self._called_off_by else str(error)

    async def _try_canary(
        self,
        rollout: Rollout,
        settings: FleetSettings,
        workers: Sequence[Process],
        progress: Progress,
    ) -> None:
        """Lets one new worker serve beside the old ones. Raises FleetError when it is worse than they are."""
        supervisor, seconds = self._supervisor, settings.rollout.canary_seconds
        canary, pids = workers[0], {worker.name: worker.pid for worker in workers}
        if supervisor.proxy is not None and seconds > 0:
            self._step(
                rollout, "canary", progress, f"{canary.name} serves as a canary for {seconds:g} s."
            )
            supervisor.in_rotation = {canary.name}
            await supervisor.show()
            new, old = Window(), Window()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await asyncio.sleep(LOOK_SECONDS)
                check_alive(workers, pids)
                seen = new.look([(canary.name, canary.heartbeat)])
                beside = old.look((each.name, each.heartbeat) for each in supervisor.workers())
                if reason := failing(seen, beside, settings.rollout):
                    raise FleetError(reason)
            # Its first answers are slow because it is new: only the whole time says something.
            if reason := verdict(seen, beside, settings.rollout):
                raise FleetError(reason)
            progress(f"{canary.name} answered {seen.requests} requests, {seen.errors} failed.")
        check_alive(workers, pids)

    async def _leave(self, rollout: Rollout, colour: Colour, progress: Progress) -> None:
        """Drains the old workers; goes back when the new ones turn out bad meanwhile, and raises FleetError."""
        supervisor = self._supervisor
        self._step(rollout, "drain", progress, "")
        for worker in supervisor.workers(colour):
            await self._let_go(worker)
        seconds = supervisor.settings_of[colour].rollout.drain_seconds + GONE_SECONDS
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(
            worker.state == "draining" for worker in supervisor.workers(colour)
        ):
            await asyncio.sleep(LOOK_SECONDS)
            if reason := self.alarmed(rollout):
                await self.flip(ITSELF, reason, progress)
                raise FleetError(f"It was rolled back: {reason}")
        self._end(rollout, "done", "")
        self._clear()
        progress(
            f"Done. The {colour} workers stay warm for {supervisor.settings.rollout.warm_seconds:g} s: "
            "`hubbub fleet rollback` goes back to them."
        )

    def alarmed(self, rollout: Rollout) -> str:
        """The alarm that was raised about a worker in rotation since that rollout began; "" without one."""
        names = {worker.name for worker in self._supervisor.workers()}
        for alarm in self._supervisor.table.alarms:
            if not alarm.until and alarm.about in names and alarm.since >= rollout.started_at:
                return alarm.text
        return ""

    async def _let_go(self, worker: Process) -> None:
        """Drains a worker that serves; one that does not is of no use for a way back."""
        if worker.state == "ready":
            self._supervisor.drain(worker)
        elif worker.state not in ("draining", "warm"):
            await self._supervisor.stop_process(worker)

    async def _restart(self, rollout: Rollout, settings: FleetSettings, progress: Progress) -> None:
        supervisor, table = self._supervisor, self._supervisor.table
        old, new = table.colour, other(table.colour)
        await self._stop_all(new)
        changed = settings.count != supervisor.settings.count
        supervisor.settings_of[new] = settings
        self._serve_with(new, settings.count if changed else table.wanted)
        await self._start_anew(rollout, old, progress)

    async def _start_anew(self, rollout: Rollout, old: Colour, progress: Progress) -> None:
        """Stops the old workers and starts new ones; if these are bad, old ones again. Raises FleetError."""
        supervisor, table = self._supervisor, self._supervisor.table
        new, wanted = table.colour, table.wanted
        try:
            await self._stop_all(old)
            progress(f"The {old} workers are stopped; nobody serves until new ones are ready.")
            workers = supervisor.workers(new)
            await asyncio.gather(
                *(
                    supervisor.wait_ready(each, supervisor.settings.rollout.ready_seconds)
                    for each in workers
                )
            )
            workers += await start_workers(supervisor, new, wanted - len(workers), progress)
            if supervisor.settings.rollout.smoke:
                await run_smoke(supervisor.settings, workers, (), release_of(supervisor.settings))
            await supervisor.show()
        except FleetError as error:
            await self._stop_all(new)
            self._serve_with(old, wanted)
            progress(f"{error}\nThe new workers are stopped, and old ones started again.")
            try:
                await start_workers(supervisor, old, wanted, progress)
                await supervisor.try_to_show()
            finally:
                self._end(rollout, "failed", str(error))
            raise FleetError(f"{error} The old workers were started again and serve.") from None
        self._end(rollout, "done", "")
        self._clear()
        progress("Done.")

    def _clear(self) -> None:
        for alarm in self._supervisor.table.alarms:
            if alarm.name == ROLLED_BACK:
                self._supervisor.clear_alarm(alarm.name, alarm.about)

    async def _stop_all(self, colour: Colour) -> None:
        supervisor = self._supervisor
        await asyncio.gather(*map(supervisor.stop_process, supervisor.workers(colour)))

    async def _give_up(self, rollout: Rollout, colour: Colour, reason: str) -> None:
        """Takes the new workers away; the old ones have not been touched."""
        supervisor = self._supervisor
        supervisor.in_rotation = set()
        await supervisor.try_to_show()
        await self._stop_all(colour)
        self._end(rollout, "rolled back" if self._called_off_by else "failed", reason)

    def _serve_with(self, colour: Colour, wanted: int) -> None:
        """From now on that colour is in rotation; the proxy is told by `show`."""
        supervisor = self._supervisor
        supervisor.table.colour, supervisor.table.wanted = colour, wanted
        supervisor.settings = supervisor.settings_of[colour]
        supervisor.in_rotation = set()
        supervisor.save()

    def _record(self, who: str, to: str, step: str) -> Rollout:
        supervisor = self._supervisor
        rollout = Rollout(
            id=uuid4().hex[:12],
            who=who,
            started_at=time.time(),
            of=release_of(supervisor.settings),
            to=to,
            step=step,
        )
        supervisor.table.rollouts.append(rollout)
        supervisor.save()
        return rollout

    def _step(self, rollout: Rollout, step: str, progress: Progress, text: str) -> None:
        rollout.step = step
        self._supervisor.save()
        if text:
            progress(text)

    def _end(self, rollout: Rollout, outcome: Any, reason: str) -> None:
        rollout.outcome, rollout.reason, rollout.ended_at = outcome, reason, time.time()
        self._supervisor.save()
