"""What kinds of job there are: features register theirs, workers run them."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from hubbub.kernel.jobs.cron import UTC, Cron

if TYPE_CHECKING:
    from hubbub.kernel.kernel import Kernel

NAME = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
TIMEOUT_SECONDS = 300.0
ATTEMPTS = 10


class NoArguments(BaseModel):
    """Of a kind that needs none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Job:
    """One job that a worker holds. `attempt` counts from 1; `lease` is the token that its result needs."""

    id: str
    kind: str
    arguments: str
    turn: int
    attempt: int
    most_attempts: int
    every_ms: int | None
    run_at: int
    lease: str

    @property
    def key(self) -> str:
        """The same for every attempt: a command with it as its key takes effect once.

        A handler with several of the same command adds something of its own: `f"{job.key}.{number}"`.
        """
        return f"job.{self.id}.{self.turn}"


Handler = Callable[["Kernel", Job, Any], Awaitable[object]]
Work = Callable[["Kernel", Job], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How jobs of a name are run; `every_ms` is set for a schedule, to 0 where `cron` tells its times."""

    name: str
    handler: Handler
    arguments: type[BaseModel] = NoArguments
    timeout_seconds: float = TIMEOUT_SECONDS
    every_ms: int | None = None
    cron: Cron | None = None


class Registry:
    """The kinds of job and the schedules this process knows. It runs no others."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}

    def job(
        self,
        name: str,
        arguments: type[BaseModel] = NoArguments,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Callable[[Handler], Handler]:
        """Registers `async handler(kernel, job, arguments)`; the arguments come parsed.

        It runs at least once and may run twice at a time when a machine stalls, so it must be idempotent:
        `job.key` makes it so for commands. Raises ValueError for a name that is malformed or taken.
        """

        def register(handler: Handler) -> Handler:
            self._add(Kind(name, handler, arguments, timeout_seconds))
            return handler

        return register

    def schedule(
        self,
        name: str,
        every_seconds: float,
        work: Work,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Runs `work(kernel, job)` at every multiple of the interval, once in the whole cluster.

        Turns never overlap; those missed while nobody worked are made up for by one. Raises ValueError.
        """
        every_ms = int(every_seconds * 1000)
        if every_ms < 1000:
            raise ValueError("a schedule runs at most once a second")
        self._add(Kind(name, without_arguments(work), NoArguments, timeout_seconds, every_ms))

    def cron(
        self,
        name: str,
        expression: str,
        work: Work,
        *,
        zone: str = UTC,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Runs `work(kernel, job)` at the times of a cron expression of five fields in a time zone.

        Otherwise as `schedule`: once in the whole cluster, and once for all the times nobody was there. Raises
        ValueError for an expression that is malformed or never comes, and for an unknown zone.
        """
        cron = Cron(expression, zone)
        cron.after(int(time.time() * 1000))
        handler = without_arguments(work)
        self._add(Kind(name, handler, NoArguments, timeout_seconds, 0, cron))

    def _add(self, kind: Kind) -> None:
        if NAME.fullmatch(kind.name) is None:
            raise ValueError(f"{kind.name!r} is not the name of a kind of job")
        if kind.name in self.kinds:
            raise ValueError(f"there is a kind of job {kind.name} already")
        self.kinds[kind.name] = kind

    @property
    def schedules(self) -> list[Kind]:
        return [kind for kind in self.kinds.values() if kind.every_ms is not None]


def without_arguments(work: Work) -> Handler:
    """The handler that a schedule's work is."""

    async def handler(kernel: "Kernel", job: Job, _arguments: NoArguments) -> None:
        await work(kernel, job)

    return handler
