"""The worker: leases jobs that are due, runs them, and records what came of it."""

import asyncio
import logging
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from sqlalchemy import Connection

from hubbub.kernel.errors import Problem
from hubbub.kernel.jobs import queue
from hubbub.kernel.jobs.registry import Job
from hubbub.kernel.jobs.wakeup import Wakeup
from hubbub.kernel.tasks import end_tasks

if TYPE_CHECKING:
    from hubbub.kernel.kernel import Kernel

T = TypeVar("T")

logger = logging.getLogger("hubbub.jobs")

AT_ONCE = 16
LEASE_SECONDS = 60.0
LOOK_SECONDS = 1.0
IDLE_LOOK_SECONDS = 2.0
BROKER_LOOK_SECONDS = 5.0
"""Without news a worker looks this often: right after work, when idle, when a broker brings the news."""
LOCKED_SECONDS = 0.1
GRACE_SECONDS = 5.0
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 900.0
LONGEST_ASKED_SECONDS = 86_400.0
LONGEST_ERROR_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class Held:
    """A job under way. `good_until` is on this process's steady clock, and never later than the lease itself."""

    job: Job
    good_until: float
    task: "asyncio.Task[None] | None" = None
    ended: bool = False
    lost: bool = False


@dataclass(slots=True)
class Counters:
    """What this process did, by kind."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


class Worker:
    """Runs the jobs of the kinds in `kernel.jobs`, at most `at_once` of them."""

    def __init__(
        self,
        kernel: "Kernel",
        wakeup: Wakeup,
        *,
        at_once: int = AT_ONCE,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._kernel = kernel
        self._wakeup = wakeup
        self._at_once = at_once
        self._lease_seconds = lease_seconds
        self._lease_ms = int(lease_seconds * 1000)
        self._running: dict[str, Held] = {}
        self._claims: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._stopping = False
        self._paused = False
        self._planned = False
        self._idle = 0
        self._reclaimed = float("-inf")
        self._look_task: asyncio.Task[None] | None = None
        self._beat_task: asyncio.Task[None] | None = None
        self.figures: dict[str, int] = {}
        self.name = f"{kernel.settings.node_name or socket.gethostname()}:{os.getpid()}"
        self.counters = Counters()

    @property
    def running(self) -> int:
        return len(self._running)

    def start(self) -> None:
        """Begins to look for jobs in the background."""
        self._wakeup.start(self._wake.set, self._receive)
        self._look_task = asyncio.create_task(self._look(), name="jobs")
        self._beat_task = asyncio.create_task(self._beat(), name="job leases")

    async def pause(self) -> None:
        """Leaves new jobs to other workers until `resume`; what runs goes on."""
        if not self._paused and not self._stopping:
            self._paused = True
            await self._wakeup.hear(None)

    async def resume(self) -> None:
        """Takes jobs again after `pause`."""
        if self._paused and not self._stopping:
            self._paused = False
            await self._wakeup.hear(self._receive)
            self._wake.set()

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Takes no more, gives what runs the grace time to end, and the rest back to other workers."""
        self._stopping = True
        self._wake.set()
        self._room.set()
        await self._wakeup.stop()
        await asyncio.gather(*self._claims, return_exceptions=True)
        if self._look_task is not None:
            await self._look_task
        tasks = [held.task for held in self._running.values() if held.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            await end_tasks(late)
        if self._beat_task is not None:
            await end_tasks([self._beat_task])

    async def sample(self) -> None:
        """Reads how the table stands, for the metrics."""
        self.figures = await self._write(queue.figures)

    async def _write(self, function: Callable[[Connection], T]) -> T:
        database = self._kernel.database

        def work() -> T:
            with database.writing() as connection:
                return function(connection)

        return await database.run_writer(work)

    # Taking

    async def _look(self) -> None:
        errors = 0
        while not self._stopping:
            self._wake.clear()
            try:
                wait = await self._take()
                errors = 0
            except Exception as error:
                errors += 1
                wait = min(LONGEST_ERROR_SECONDS, 2.0**errors) * spread()
                logger.warning("cannot look for jobs: %s", error)
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

    async def _take(self) -> float:
        """Takes what there is room for; answers how many seconds to wait before looking again."""
        free = self._at_once - len(self._running) - len(self._claims)
        kinds = list(self._kernel.jobs.kinds)
        if free <= 0 or not kinds or self._paused:
            return LOOK_SECONDS
        now = time.monotonic()
        reclaims = now - self._reclaimed >= self._lease_seconds / 6
        plans = not self._planned

        def work(connection: Connection) -> tuple[list[Job], int | None]:
            if plans:
                queue.plan(connection, self._kernel.jobs.schedules)
            if reclaims and (freed := queue.reclaim(connection)):
                logger.warning("%d jobs were left by workers that are gone", freed)
            taken = queue.take(connection, kinds, self.name, free, self._lease_ms)
            return taken, queue.until_due(connection, kinds) if len(taken) < free else None

        taken, due_ms = await self._write(work)
        self._planned = True
        if reclaims:
            self._reclaimed = now
        for job in taken:
            self._start(job, now)
        self._idle = 0 if taken else self._idle + 1
        wait = LOOK_SECONDS if self._idle < 10 else IDLE_LOOK_SECONDS
        if self._wakeup.by_broker:
            wait = BROKER_LOOK_SECONDS
        if due_ms is None:
            return wait
        # What is due and was not taken is locked by somebody just now.
        return min(wait, due_ms / 1000 if due_ms else LOCKED_SECONDS)

    async def _receive(self, job: str) -> None:
        """Claims the job whose id a broker brought, when there is room for it."""
        while not self._stopping and len(self._running) + len(self._claims) >= self._at_once:
            self._room.clear()
            await self._room.wait()
        if self._stopping:
            return
        # Apart: if the broker is lost in the middle, what was leased is run nevertheless.
        claim = asyncio.create_task(self._claim(job))
        self._claims.add(claim)
        claim.add_done_callback(self._claims.discard)
        await asyncio.shield(claim)

    async def _claim(self, job: str) -> None:
        kinds = list(self._kernel.jobs.kinds)
        now = time.monotonic()
        try:
            taken = await self._write(
                lambda connection: queue.claim(connection, job, kinds, self.name, self._lease_ms)
            )
        except Exception as error:
            logger.warning("cannot claim a job: %s", error)
            return
        for claimed in taken:
            self._start(claimed, now)

    def _start(self, job: Job, now: float) -> None:
        held = Held(job, now + self._lease_seconds)
        self._running[job.lease + job.id] = held
        held.task = asyncio.create_task(self._work(held), name=f"job {job.kind}")

    # Running

    async def _work(self, held: Held) -> None:
        job = held.job
        record: Callable[[Connection], bool] = lambda connection: queue.give_back(connection, job)  # noqa: E731
        try:
            # What was leased while the worker was told to stop goes back untouched.
            if not self._stopping:
                try:
                    record = await self._attempt(job)
                except asyncio.CancelledError:
                    if held.lost:
                        self.counters.lost[job.kind] += 1
                        logger.warning("the lease of a job of kind %s was lost", job.kind)
                        return
                    if not self._stopping:
                        record = self._failed(job, "It was cancelled from within.")
            held.ended = True
            await self._record(held, record)
        finally:
            del self._running[job.lease + job.id]
            self._room.set()
            if len(self._running) + len(self._claims) + 1 >= self._at_once:
                self._wake.set()

    async def _attempt(self, job: Job) -> Callable[[Connection], bool]:
        """Runs the handler; answers how to record what came of it."""
        kind = self._kernel.jobs.kinds[job.kind]
        try:
            arguments = kind.arguments.model_validate_json(job.arguments)
        except ValidationError as error:
            text = f"The arguments are not those of the kind: {error}"
            return self._failed(job, text, hopeless=True)
        limit = asyncio.timeout(kind.timeout_seconds)
        try:
            async with limit:
                await kind.handler(self._kernel, job, arguments)
        except Problem as problem:
            return self._failed(job, problem.detail, asked=problem.retry_after)
        except Exception as error:
            if limit.expired():
                return self._failed(job, f"It took longer than {kind.timeout_seconds:g} seconds.")
            return self._failed(job, f"{type(error).__name__}: {error}")
        self.counters.done[job.kind] += 1
        return lambda connection: queue.finish(connection, job)

    def _failed(
        self, job: Job, text: str, *, asked: float | None = None, hopeless: bool = False
    ) -> Callable[[Connection], bool]:
        """Counts a failure; answers how to record it. `asked` is when the handler wants the next attempt."""
        wait = retry_seconds(job.attempt)
        if asked is not None:
            wait = min(LONGEST_ASKED_SECONDS, asked) + random.random() * wait  # noqa: S311 - no secret
        self.counters.failed[job.kind] += 1
        if job.every_ms is None and (hopeless or job.attempt >= job.most_attempts):
            self.counters.died[job.kind] += 1
        logger.warning("a job of kind %s failed (attempt %d): %s", job.kind, job.attempt, text)
        wait_ms = int(wait * 1000)
        return lambda connection: queue.fail(connection, job, text, wait_ms, hopeless=hopeless)

    async def _record(self, held: Held, record: Callable[[Connection], bool]) -> None:
        """Records the result, again and again while the lease may hold and the database does not answer."""
        while True:
            try:
                recorded = await self._write(record)
                break
            except Exception as error:
                logger.warning("cannot record a job: %s", error)
                if self._stopping or time.monotonic() > held.good_until:
                    return
            await asyncio.sleep(spread())
        if not recorded:
            self.counters.lost[held.job.kind] += 1
            logger.warning("a job of kind %s ended after its lease", held.job.kind)

    # Leases

    async def _beat(self) -> None:
        """Prolongs the leases of what runs, and stops what is no longer ours."""
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            held = [held for held in self._running.values() if not held.ended]
            now = time.monotonic()
            try:
                jobs = [one.job for one in held]
                kept = await self._write(lambda c, jobs=jobs: queue.renew(c, jobs, self._lease_ms))  # type: ignore[misc]
            except Exception as error:
                logger.warning("cannot prolong the leases of jobs: %s", error)
                kept = None
            for one in held:
                if kept is not None and one.job.id in kept:
                    one.good_until = now + self._lease_seconds
                elif not one.ended and (kept is not None or time.monotonic() > one.good_until):
                    one.lost = True
                    if one.task is not None:
                        one.task.cancel()


def spread() -> float:
    return random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, no secret


def retry_seconds(attempt: int) -> float:
    """How long after this attempt the next one follows: twice as long each time, and not all at once."""
    longest: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1))
    return longest * spread()
