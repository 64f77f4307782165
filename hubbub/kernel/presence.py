"""Who is there: a person with at least one open socket, kept for a moment after the last one went.

The sockets are this node's; who is on the others is told by `SharedPresence` (shared_presence.py). A person is online
while any node has them, so whoever changes the node within the linger neither came nor went.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

LINGER_SECONDS = 5.0
"""A page reload or a short loss of the network is no coming and going."""
BATCH_SECONDS = 1.0
"""Changes within this time are told together; the first after a quiet while is told at once."""
ACTIVE_SECONDS = 300.0
MOST_ACTIVE = 100_000


class Presence:
    """The people online in the whole cluster, as this node knows them.

    `changed(came, gone)` is called on the loop with what is new in `online()`, at most once in `batch` seconds.
    """

    def __init__(
        self,
        changed: Callable[[set[str], set[str]], None],
        linger: float = LINGER_SECONDS,
        batch: float = BATCH_SECONDS,
    ) -> None:
        self._changed = changed
        self._linger = linger
        self._batch = batch
        self._sockets: dict[str, int] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._elsewhere: dict[str, int] = {}
        self._online: set[str] = set()
        self._moved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")
        self.on_sockets: Callable[[str], None] = lambda user: None
        """Called with each person whose number of sockets here has changed."""

    def online(self) -> set[str]:
        """Ids of the people online, up to the last call of `changed`. The caller must not change the set."""
        return self._online

    def sockets(self, user: str) -> int | None:
        """How many sockets the person has here: 0 while they linger, None when they are not here."""
        return self._sockets.get(user)

    def here(self) -> list[str]:
        """Ids of the people on this node, those who linger among them."""
        return list(self._sockets)

    def enter(self, user: str) -> None:
        """One more socket of this person."""
        leaving = self._leaving.pop(user, None)
        if leaving is not None:
            leaving.cancel()
        self._sockets[user] = self._sockets.get(user, 0) + 1
        self._move(user)
        self.on_sockets(user)

    def leave(self, user: str) -> None:
        """One socket less; without any left the person is gone from here after the linger."""
        count = self._sockets.get(user, 0) - 1
        self._sockets[user] = max(count, 0)
        if count <= 0 and user not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[user] = loop.call_later(self._linger, self._gone, user)
        self.on_sockets(user)

    def _gone(self, user: str) -> None:
        del self._leaving[user]
        if self._sockets.get(user) == 0:
            del self._sockets[user]
            self._move(user)
            self.on_sockets(user)

    def enter_elsewhere(self, users: Iterable[str]) -> None:
        """One more of the other nodes has these people."""
        for user in users:
            self._elsewhere[user] = self._elsewhere.get(user, 0) + 1
            self._move(user)

    def leave_elsewhere(self, users: Iterable[str]) -> None:
        """One of the other nodes has these people no more."""
        for user in users:
            nodes = self._elsewhere.pop(user, 0) - 1
            if nodes > 0:
                self._elsewhere[user] = nodes
            self._move(user)

    def _move(self, user: str) -> None:
        self._moved.add(user)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._told_at + self._batch - loop.time())
            self._timer = loop.call_later(wait, self._tell)

    def _tell(self) -> None:
        self._timer = None
        moved, self._moved = self._moved, set()
        there = {user for user in moved if user in self._sockets or user in self._elsewhere}
        came, gone = there - self._online, (moved - there) & self._online
        if came or gone:
            self._told_at = asyncio.get_running_loop().time()
            self._online = (self._online | came) - gone
            self._changed(came, gone)

    def close(self) -> None:
        for timer in (*self._leaving.values(), *([self._timer] if self._timer else [])):
            timer.cancel()
        self._leaving.clear()


class Activity:
    """Who did something in the last minutes: sent a command of their own, over HTTP or a socket.

    `now` in seconds of a clock that only goes forward. At most `MOST_ACTIVE` people are remembered.
    """

    def __init__(self) -> None:
        self._acted: OrderedDict[str, float] = OrderedDict()
        self._untold: set[str] = set()

    def note(self, user: str, now: float) -> None:
        self._acted[user] = now
        self._acted.move_to_end(user)
        self._untold.add(user)
        if len(self._acted) > MOST_ACTIVE:
            self._untold.discard(self._acted.popitem(last=False)[0])

    def count(self, now: float) -> int:
        """How many did something here in the last `ACTIVE_SECONDS`."""
        while self._acted and next(iter(self._acted.values())) < now - ACTIVE_SECONDS:
            self._untold.discard(self._acted.popitem(last=False)[0])
        return len(self._acted)

    def take_untold(self) -> list[str]:
        """Who did something since this was asked last."""
        untold, self._untold = self._untold, set()
        return list(untold)
