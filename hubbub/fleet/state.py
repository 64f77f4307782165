"""What a supervisor must not forget, and what it tells of itself."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from hubbub.fleet.errors import BusyError, FleetError
from hubbub.fleet.settings import FleetSettings, SettingsError, dump_settings, parse_settings
from hubbub.fleet.table import Alarm, Colour, Process, Table

logger = logging.getLogger("fleet")

TABLE = "table.json"
COLOURS: tuple[Colour, Colour] = ("blue", "green")


class State:
    """The table, kept on disk; alarms; what is going on."""

    def __init__(self, settings: FleetSettings) -> None:
        """These settings are for a fleet of which nothing runs; one that runs goes on with its own until a reload.

        Raises FleetError when the table of an earlier supervisor cannot be read.
        """
        self.settings = settings
        """Those of the colour in rotation."""
        self.settings_of: dict[Colour, FleetSettings] = {"blue": settings, "green": settings}
        """By which each colour's workers are started, and started again: a reload brings others for the new colour."""
        self.path = settings.directory / TABLE
        try:
            self.table = Table.load(self.path)
            if self.table.processes:
                for colour in COLOURS:
                    self.settings_of[colour] = parse_settings(
                        known_settings(self.table.settings[colour])
                    )
                self.settings = self.settings_of[self.table.colour]
            elif (kept := self.table.settings.get(self.table.colour)) and (
                parse_settings(known_settings(kept)).count != settings.count
            ):
                # Else as many as it was scaled to, until the setting itself says another number.
                self.table.wanted = 0
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            OSError,
            SettingsError,
        ) as error:
            raise FleetError(
                f"The fleet's state cannot be read: {error}. Nothing was started or ended. Workers that run go on; "
                f"to begin anew, stop them, move {self.path} away and start the fleet again."
            ) from None
        self.since = time.time()
        self._operation = ""
        self._operator = False
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def workers(self, colour: Colour | None = None) -> list[Process]:
        """Those of a colour (the one in rotation), in their order."""
        wanted = colour or self.table.colour
        found = [
            one for one in self.table.processes if one.kind == "worker" and one.colour == wanted
        ]
        return sorted(found, key=lambda one: one.number)

    def find(self, name: str) -> Process:
        """Raises FleetError when there is no process of that name."""
        for process in self.table.processes:
            if process.name == name:
                return process
        names = ", ".join(process.name for process in self.table.processes) or "nothing"
        raise FleetError(f"There is no {name!r}; {names} runs here.")

    @property
    def busy(self) -> str:
        """What is going on that changes the fleet."""
        return self._operation

    @contextlib.asynccontextmanager
    async def changing(self, what: str, *, operator: bool = True) -> AsyncIterator[None]:
        """One change at a time. Raises BusyError when an operator's goes on; waits for one of our own to end."""
        if self._changing.locked() and (self._operator or not operator):
            raise BusyError(f"Not now: {self._operation} is going on.")
        async with self._changing:
            self._operation, self._operator = what, operator
            try:
                yield
            finally:
                self._operation = ""

    def raise_alarm(self, name: str, about: str, text: str) -> None:
        """Opens an alarm, or renews the text of the one that is open."""
        for alarm in self.table.alarms:
            if (alarm.name, alarm.about, alarm.until) == (name, about, 0.0):
                if alarm.text != text:
                    alarm.text = text
                    self.save()
                return
        logger.error("alarm: %s", text)
        self.table.alarms.append(Alarm(name, about, text, time.time()))
        self.save()

    def clear_alarm(self, name: str, about: str) -> None:
        """Ends it; nothing when there is none."""
        for alarm in self.table.alarms:
            if (alarm.name, alarm.about, alarm.until) == (name, about, 0.0):
                logger.info("over: %s", alarm.text)
                alarm.until = time.time()
                self.save()

    def save(self) -> None:
        """Writes the table to disk. Where that fails the fleet goes on, and says so."""
        self.table.settings = {
            colour: dump_settings(settings) for colour, settings in self.settings_of.items()
        }
        try:
            self.table.save(self.path)
        except OSError as error:
            full = Alarm("disk", "table", f"{self.path} cannot be written: {error}", time.time())
            if not any(alarm.name == "disk" and not alarm.until for alarm in self.table.alarms):
                logger.error("alarm: %s", full.text)
                self.table.alarms.append(full)
        else:
            for alarm in self.table.alarms:
                if alarm.name == "disk" and not alarm.until:
                    alarm.until = time.time()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something beside the rest; what it raises is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the supervisor failed at something", exc_info=error)


def known_settings(kept: dict[str, Any]) -> dict[str, Any]:
    """The settings a newer supervisor may have kept, without those that only it knows."""

    def prune(given: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
        return {
            name: prune(value, like[name]) if isinstance(value, dict) and like[name] else value
            for name, value in given.items()
            if name in like
        }

    return prune(kept, dump_settings(FleetSettings()))
