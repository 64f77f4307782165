"""uvicorn, leaving politely."""

from __future__ import annotations

import socket as sockets
from collections.abc import Awaitable, Callable

import uvicorn


class GracefulServer(uvicorn.Server):
    """A uvicorn server that lets the gateway's clients go before it stops.

    uvicorn itself waits for requests to finish, and a poll takes as long as a ping interval. Give
    it what must be awaited once it accepts no more connections: ``gateway.close``.
    """

    def __init__(self, config: uvicorn.Config, *goodbyes: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._goodbyes = goodbyes

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for goodbye in self._goodbyes:
            await goodbye()
        await super().shutdown(sockets)
