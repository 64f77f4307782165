"""The kernel put together: what a feature gets to work with."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, delete

from hubbub.kernel import log
from hubbub.kernel.bulk import write
from hubbub.kernel.bus import Bus, LocalBus, Signal
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import Clock, system_clock
from hubbub.kernel.commands import Command, Outcome, Request, find_reply, replies
from hubbub.kernel.committer import Committer, audit_row
from hubbub.kernel.database import Database
from hubbub.kernel.errors import Invalid
from hubbub.kernel.jobs.registry import Registry
from hubbub.kernel.limits import Limits, Shared, limit_table
from hubbub.kernel.log import Encoded, Entry
from hubbub.kernel.presence import Activity
from hubbub.kernel.relay import Relay
from hubbub.kernel.replicas import Replicas
from hubbub.kernel.seal import Seal
from hubbub.settings import Settings

if TYPE_CHECKING:
    from hubbub.kernel.redis_store import RedisStore

P = ParamSpec("P")
T = TypeVar("T")

DAY_MS = 86_400_000
REPLY_DAYS = 7
AUDIT_DAYS = 400
KEY = re.compile("[!-~]{1,128}")

StreamAccess = Callable[[Connection, Sequence[tuple[Caller, str]]], set[tuple[Caller, str]]]
"""Those of the pairs of caller and stream (all of one kind) where the caller may follow the stream."""


class Kernel:
    """Database, committer, bus and relay of one process.

    Features call `write` and `read`, and register who may follow their kinds of stream in `stream_access`.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Sequence[str],
        *,
        clock: Clock = system_clock,
        bus: Bus | None = None,
    ) -> None:
        self.settings = settings
        self.secrets = list(secrets)
        self.clock = clock
        self.database = Database(settings.database, readers=settings.database_pool)
        self.replicas = Replicas(
            self.database, settings.database_replica_url, settings.database_pool
        )
        self.redis: RedisStore | None = None
        if settings.redis_url and bus is None:
            self.redis, bus = open_redis(settings.redis_url)
        self.bus: Bus = bus or LocalBus()
        seal = Seal(secrets)
        self._unseal = seal.unseal
        self.committer = Committer(self.database, clock, self._publish, seal.seal, seal.unseal)
        self.limits = Limits(
            limit_table(settings.login_attempts, settings.anonymous_calls),
            clock,
            enabled=settings.rate_limits,
            shared=open_windows(self.redis) if self.redis else None,
        )
        self.activity = Activity()
        self.relay = Relay(
            self.database, self.bus, clock, self._deliver, self._reset, self._pass_signal
        )
        self.jobs = Registry()
        self.stream_access: dict[str, StreamAccess] = {}
        self.on_deliver: Callable[[str, list[Encoded]], None] = lambda stream, entries: None
        self.on_reset: Callable[[str, int], None] = lambda stream, head: None
        self.on_signal: Callable[[Signal], None] = lambda signal: None
        self.on_append: Callable[[], None] = lambda: None
        # Who reads the whole log, in its own time: what it lacks is not trimmed at once.
        self.log_reader: Callable[[int], log.Reader] | None = None
        self.appended: dict[str, int] = {}
        # What features keep for the life of this process, by their own names.
        self.extensions: dict[str, object] = {}

    def _publish(self, entries: list[Entry]) -> None:
        for entry in entries:
            self.appended[entry.kind] = self.appended.get(entry.kind, 0) + 1
        self.bus.publish([Encoded.of(entry) for entry in entries])
        self.on_append()

    def _deliver(self, stream: str, entries: list[Encoded]) -> None:
        self.on_deliver(stream, entries)

    def _reset(self, stream: str, head: int) -> None:
        self.on_reset(stream, head)

    def _pass_signal(self, signal: Signal) -> None:
        self.on_signal(signal)

    def submit(
        self, command: Command, caller: Caller, arguments: dict[str, Any], key: str | None = None
    ) -> "asyncio.Future[Outcome]":
        """Queues a command and answers at once with the future of its outcome. Raises Problem."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.submit_then(partial(settle, future), command, caller, arguments, key)
        return future

    def submit_then(
        self,
        done: Callable[[Outcome | Exception], None],
        command: Command,
        caller: Caller,
        arguments: dict[str, Any],
        key: str | None = None,
    ) -> None:
        """Queues a command; `done` is called with its outcome, or why it has none. Raises Problem."""
        check_key(key)
        if caller.session and command.audited:
            self.activity.note(caller.id, time.monotonic())
        self.committer.submit(Request(command, caller, arguments, key), done)

    async def find_reply(
        self, command: Command, caller: Caller, key: str | None, arguments: dict[str, Any]
    ) -> Outcome | None:
        """The first answer to this key, for a command whose caller must prove more before it is submitted.

        Raises Conflict when the input differs, Invalid when the key is malformed.
        """
        check_key(key)
        if key is None:
            return None
        request = Request(command, caller, arguments, key)
        return await self.read(lambda connection: find_reply(connection, request, self._unseal))

    async def write(
        self, command: Command, caller: Caller, *, key: str | None = None, **arguments: Any
    ) -> Outcome:
        """Runs a command and answers its outcome after the commit. Raises Problem."""
        return await self.submit(command, caller, arguments, key)

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs `function(connection, …)` in one consistent snapshot. Raises Problem."""
        return await self.database.read(function, *args, **kwargs)

    async def read_history(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, for what may take long: on a replica where there is one that is as new. Raises Problem."""
        return await self.replicas.read(function, *args, **kwargs)

    async def record_denied(self, caller: Caller, action: str, target: str, detail: str) -> None:
        """Writes an audit row for something refused before it became a command."""

        def work() -> None:
            row = audit_row(self.clock(), caller, action, target, "denied", detail)
            with self.database.writing() as connection:
                write(connection, [(log.AUDIT, [row])])

        await self.database.run_writer(work)

    async def trim(self) -> int:
        """Drops what is older than its retention from log, replies and audit; answers entries dropped."""
        now = self.clock()
        retention = self.settings.log_retention_days * DAY_MS
        before = now - retention
        reader = self.log_reader(before - retention) if self.log_reader else None

        def work() -> int:
            with self.database.writing() as connection:
                connection.execute(delete(replies).where(replies.c.at < now - REPLY_DAYS * DAY_MS))
                connection.execute(
                    delete(log.audit).where(log.audit.c.at < now - AUDIT_DAYS * DAY_MS)
                )
                return log.trim(connection, before, reader=reader)

        total = 0
        while removed := await self.database.run_writer(work):
            total += removed
        return total

    async def close(self) -> None:
        """Commits what is queued and tells of it, then lets go of Redis and the database."""
        await self.committer.drain()
        await self.bus.close()
        if self.redis is not None:
            await self.redis.close()
        self.replicas.close()
        await asyncio.to_thread(self.database.close)


def open_redis(url: str) -> tuple["RedisStore", Bus]:
    """The store and the bus over one Redis. Raises SettingsError. Without REDIS_URL its library is not loaded."""
    from hubbub.kernel.redis_bus import RedisBus
    from hubbub.kernel.redis_store import RedisStore

    store = RedisStore(url)
    return store, RedisBus(store.address)


def open_windows(store: "RedisStore") -> Shared:
    from hubbub.kernel.shared_limits import SharedWindows

    return SharedWindows(store)


def settle(future: "asyncio.Future[Outcome]", result: Outcome | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def check_key(key: str | None) -> None:
    """Raises Invalid unless the idempotency key is 1–128 visible ASCII characters."""
    if key is None:
        return
    if KEY.fullmatch(key) is None:
        raise Invalid("An idempotency key has 1 to 128 visible characters.")
