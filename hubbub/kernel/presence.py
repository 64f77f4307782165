"""Who is there: a person with at least one open socket, kept for a moment after the last one went."""

import asyncio
from collections.abc import Callable

LINGER_SECONDS = 5.0
"""A page reload or a short loss of the network is no coming and going."""


class Presence:
    """Presence of this process's people. `changed(user, online)` is called on the loop."""

    def __init__(
        self, changed: Callable[[str, bool], None], linger: float = LINGER_SECONDS
    ) -> None:
        self._changed = changed
        self._linger = linger
        self._sockets: dict[str, int] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}

    def online(self) -> set[str]:
        return set(self._sockets)

    def enter(self, user: str) -> None:
        """One more socket of this person."""
        leaving = self._leaving.pop(user, None)
        if leaving is not None:
            leaving.cancel()
        before = self._sockets.get(user)
        self._sockets[user] = (before or 0) + 1
        if before is None:
            self._changed(user, True)

    def leave(self, user: str) -> None:
        """One socket less; without any left the person goes offline after the linger."""
        count = self._sockets.get(user, 0) - 1
        self._sockets[user] = max(count, 0)
        if count <= 0 and user not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[user] = loop.call_later(self._linger, self._gone, user)

    def _gone(self, user: str) -> None:
        del self._leaving[user]
        if self._sockets.get(user) == 0:
            del self._sockets[user]
            self._changed(user, False)

    def close(self) -> None:
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()
