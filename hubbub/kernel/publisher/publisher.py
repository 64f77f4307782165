"""Publishes the log to a broker, in order per stream and at least once (docs/relay.md).

One process in the cluster holds the lease of a target and publishes; the others wait for it to end. The cursor of a
stream moves after the broker confirmed, in a transaction that first finds its own lease still standing.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hubbub.kernel.clock import Clock
from hubbub.kernel.database import Database
from hubbub.kernel.errors import Unavailable
from hubbub.kernel.publisher import cursors
from hubbub.kernel.publisher.cursors import Lease, LeaseLost
from hubbub.kernel.publisher.targets import Target, TargetError
from hubbub.kernel.publisher.work import State, Turn
from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.publisher")

T = TypeVar("T")

LEASE_SECONDS = 6.0
ASK_SECONDS = 1.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 20.0
FAILURES_BEFORE_RELEASE = 3


class Publisher:
    """Runs in every process with the role jobs; `wake` tells it of commits, else it looks once a second."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        target: Target,
        name: str,
        kinds: Sequence[str],
        holder: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._target = target
        self._kinds = list(kinds)
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._awake = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self.state = State(name)

    def start(self) -> None:
        self._task = asyncio.create_task(self.run(), name="publisher")

    async def stop(self) -> None:
        """Ends at once and lets go of the lease, so that another process goes on."""
        if self._task is not None:
            await end_tasks([self._task])

    def wake(self) -> None:
        """Something was committed: it is looked for soon."""
        if self.state.holding:
            self._awake.set()

    async def run(self) -> None:
        """Publishes whenever it is this process's turn, until cancelled."""
        while True:
            pause = ASK_SECONDS
            try:
                held = asyncio.get_running_loop().time() + self._lease_seconds
                lease = await self._write(
                    cursors.acquire, self.state.target, self._holder, self._lease_ms
                )
                if lease is not None:
                    pause = await self._hold(lease, held)
            except Unavailable as error:
                logger.warning("publishing waits for the database: %s", error)
                self.state.error = "The database does not answer."
            except Exception as error:
                logger.exception("publishing failed")
                self.state.error = f"{type(error).__name__}: {error}"
            await asyncio.sleep(pause)

    @property
    def _lease_ms(self) -> int:
        return int(self._lease_seconds * 1000)

    async def _hold(self, lease: Lease, held: float) -> float:
        """Publishes until the lease is lost or something fails; answers how long to wait then.

        `held` is when the lease ends on the loop's clock. Raises Unavailable.
        """
        try:
            await self._publish(lease, held)
        except asyncio.CancelledError:
            await asyncio.shield(self._leave(lease, self.state.error, release=True))
            raise
        except LeaseLost:
            logger.info("publishing goes on elsewhere, or from moved cursors")
            return 0.0
        except TargetError as error:
            self._failures += 1
            self.state.failures += 1
            self.state.error = str(error)
            logger.warning("publishing to %s failed: %s", self.state.target, error)
            # Another process may reach the broker: after some failures in a row it is let try.
            release = self._failures >= FAILURES_BEFORE_RELEASE
            await self._leave(lease, str(error), release=release)
            pause = min(FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE)
            pause *= 0.5 + random.random()  # noqa: S311 - spreads load, no secret
            return max(pause, 2 * ASK_SECONDS) if release else pause
        return ASK_SECONDS

    async def _publish(self, lease: Lease, held: float) -> None:
        """One turn from the connection's opening to its end.

        Raises LeaseLost, TargetError, Unavailable, or what should not have happened.
        """
        loop = asyncio.get_running_loop()
        turn: Turn | None = None
        try:
            # A process that could not renew in time sends nothing more.
            async with asyncio.timeout_at(held) as limit:

                async def save(moved: dict[str, int]) -> None:
                    begun = loop.time()
                    await self._write(cursors.save, lease, moved, self._lease_ms)
                    limit.reschedule(begun + self._lease_seconds)
                    if turn is not None and turn.well:
                        self._failures = 0
                        if self.state.error:
                            await self._write(partial(cursors.note, release=False), lease, "")
                            self.state.error = ""

                await self._target.open(lease.replays)
                turn = Turn(
                    self._database,
                    self._clock,
                    self._target,
                    self._kinds,
                    self.state,
                    self._awake,
                    save,
                )
                logger.info("publishing the log", extra={"target": lease.target})
                self.state.holding = True
                await turn.run()
        except TimeoutError:
            if turn is None:
                raise TargetError("The broker does not answer.") from None
            raise Unavailable("The lease ended before it could be renewed.") from None
        except ExceptionGroup as errors:
            # What ended the lease comes first: the others are what that led to.
            found = sorted(flatten(errors), key=importance)
            raise found[0] from None
        finally:
            self.state.holding = False
            self.state.lag_streams = self.state.lag_entries = 0
            await asyncio.shield(self._target.close())

    async def _leave(self, lease: Lease, error: str, *, release: bool) -> None:
        try:
            await self._write(partial(cursors.note, release=release), lease, error)
        except Unavailable:
            logger.debug("the lease ends by itself")

    async def _write(self, function: Callable[..., T], *arguments: Any) -> T:
        """Runs `function(connection, …)` in a transaction, beside the committer's. Raises Unavailable."""

        def work() -> T:
            with self._database.writing() as connection:
                return function(connection, *arguments)

        try:
            return await asyncio.to_thread(work)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise Unavailable("The database does not answer.", retry_after=2) from error


def importance(error: BaseException) -> int:
    kinds = (LeaseLost, TargetError, Unavailable)
    return next((place for place, kind in enumerate(kinds) if isinstance(error, kind)), len(kinds))


def flatten(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The exceptions of a group and of the groups in it."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat += flatten(error) if isinstance(error, BaseExceptionGroup) else [error]
    return flat
