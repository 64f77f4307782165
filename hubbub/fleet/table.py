"""The table of what runs, on disk: a supervisor that was killed goes on where it stood."""

import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from hubbub.fleet.contract import Heartbeat

Kind = Literal["worker", "proxy", "service"]
State = Literal["starting", "ready", "draining", "warm", "stopping", "stopped", "failed"]
"""`warm`: drained, out of rotation and kept, so that a rollback takes no start. `failed`: given up, with an alarm."""
Colour = Literal["blue", "green"]

KEPT_ROLLOUTS = 50
KEPT_ALARMS = 100


@dataclass
class Process:
    """One program the supervisor keeps running. `pid` 0 when it does not run."""

    name: str
    kind: Kind
    command: list[str]
    number: int = 0
    colour: Colour = "blue"
    release: str = ""
    folder: str = ""
    """Where it runs: the release's, also when another has become the newest. Empty: where the supervisor does."""
    port: int = 0
    state: State = "stopped"
    pid: int = 0
    ticks: int = 0
    """When it started, field 22 of /proc/PID/stat: a later process with the same number has another."""
    started_at: float = 0.0
    """Unix time."""
    restarts: int = 0
    exits: list[float] = field(default_factory=list)
    """Unix times of the recent exits that were not asked for."""
    quick: int = 0
    """How many of them, in a row up to now, came soon after the start."""
    reason: str = ""
    """Why it is in this state, for people."""
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    heard_at: float = 0.0
    """Unix time of the last heartbeat."""
    cpu: float = 0.0
    """Share of one core since the last sample."""
    memory: int = 0
    """Resident bytes, as the kernel says."""

    @property
    def uptime(self) -> float:
        return time.time() - self.started_at if self.pid else 0.0


@dataclass
class Rollout:
    """One reload, rollback or deploy: who, what and how it ended."""

    id: str
    who: str
    started_at: float
    of: str
    """The release that served before."""
    to: str
    step: str = ""
    ended_at: float = 0.0
    outcome: Literal["", "done", "failed", "rolled back"] = ""
    reason: str = ""


@dataclass
class Alarm:
    """Something an operator should know; open until it is over."""

    name: str
    about: str
    text: str
    since: float
    until: float = 0.0


@dataclass
class Table:
    """Everything a supervisor must know after its own death."""

    colour: Colour = "blue"
    """The one in rotation."""
    wanted: int = 0
    """How many workers there shall be in it."""
    boot: str = ""
    """The kernel's name of the boot in which all this ran: no pid is of use in another."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By which each colour was started, as `dump_settings` makes it."""
    processes: list[Process] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Replaces the file as a whole; a reader, or a crash, sees the old one or the new one."""
        self.rollouts = self.rollouts[-KEPT_ROLLOUTS:]
        self.alarms = self.alarms[-KEPT_ALARMS:]
        new = path.with_suffix(".new")
        with new.open("w") as file:
            # The workers' environment is in it.
            os.fchmod(file.fileno(), 0o600)
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Table":
        """The table as it was saved, or an empty one. Raises ValueError when it cannot be read.

        What a newer supervisor has added is left out: the older one takes over all the same.
        """
        try:
            kept: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        try:
            return cls(
                colour=kept["colour"],
                wanted=kept["wanted"],
                boot=kept["boot"],
                settings=kept["settings"],
                processes=[Process(**known(Process, one)) for one in kept["processes"]],
                rollouts=[Rollout(**known(Rollout, one)) for one in kept["rollouts"]],
                alarms=[Alarm(**known(Alarm, one)) for one in kept["alarms"]],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a table of this supervisor: {error}") from error


def known(kind: Any, kept: dict[str, Any]) -> dict[str, Any]:
    """Those of the fields that the class has."""
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in kept.items() if name in names}
