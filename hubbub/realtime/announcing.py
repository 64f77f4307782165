"""Tells the followers on this node who came and who went."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, select

from hubbub.kernel.bus import Signal
from hubbub.kernel.errors import Problem
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.tasks import end_tasks
from hubbub.people.hooks import hooks
from hubbub.people.models import workspaces

logger = logging.getLogger("hubbub.presence")

TOGETHER = 1_000
"""People whose streams are looked up with one query."""
IN_SIGNAL = 500
RETRY_SECONDS = 1.0


def read_streams(connection: Connection, users: Sequence[str]) -> dict[str, list[str]]:
    """The streams that show these people's coming and going, each with whom it shows.

    The workspace's shows everybody; a room shows its members if clients or guests, who do not see the workspace, are
    in it.
    """
    shown = {
        str(workspace): list(users) for workspace in connection.scalars(select(workspaces.c.id))
    }
    for stream, user in hooks.streams_of(connection, users):
        shown.setdefault(stream, []).append(user)
    return shown


def make_signals(stream: str, changes: dict[str, bool]) -> Iterator[Signal]:
    """One change as a signal of that person; more in signals of at most `IN_SIGNAL` people, without an actor."""
    if len(changes) == 1:
        for user, online in changes.items():
            yield Signal(stream, "presence", user, {"online": online})
        return
    rest = iter(changes.items())
    while part := list(islice(rest, IN_SIGNAL)):
        people = {
            "online": [user for user, online in part if online],
            "offline": [user for user, online in part if not online],
        }
        yield Signal(stream, "presence", "", people)


class Announcer:
    """Passes changes of presence to `pass_signal`, in order, the latest state of each person once.

    Every node tells its own followers what it sees, so nothing of this travels between nodes. While the database
    cannot say who may see whom, changes wait: at most one for each person.
    """

    def __init__(self, kernel: Kernel, pass_signal: Callable[[Signal], None]) -> None:
        self._kernel = kernel
        self._pass_signal = pass_signal
        self._pending: dict[str, bool] = {}
        self._task: asyncio.Task[None] | None = None

    def changed(self, came: set[str], gone: set[str]) -> None:
        """These people are online now, and those no more."""
        self._pending.update(dict.fromkeys(came, True) | dict.fromkeys(gone, False))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="announce presence")

    async def _run(self) -> None:
        try:
            while self._pending:
                batch = dict(islice(self._pending.items(), TOGETHER))
                try:
                    streams = await self._kernel.read(read_streams, list(batch))
                except Problem as problem:
                    logger.info("presence waits for the database: %s", problem)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                # Whoever came and went while the database was asked is told as they are now.
                now = {user: self._pending.pop(user) for user in batch}
                for stream, users in streams.items():
                    for signal in make_signals(stream, {user: now[user] for user in users}):
                        self._pass_signal(signal)
        finally:
            self._task = None

    async def stop(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])
