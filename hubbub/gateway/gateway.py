"""The gateway: an Engine.IO 4 and Socket.IO 5 server that plugs into uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from .connection import Connection
from .engine import EngineOptions, EngineServer
from .handshake import ClientAddress, Origins, direct_address
from .namespace import Namespace
from .polling import PollingApp
from .socket import Socket
from .websocket import WebSocketProtocol

OnError = Callable[[Socket, str, BaseException], Any]


@dataclass(frozen=True, slots=True)
class GatewayStats:
    """Figures of one gateway; from ``deliveries`` on they are totals since it was made.

    ``refused`` counts refused connects by reason (`REFUSAL_REASONS`).
    """

    sockets: int
    sessions: int
    rooms: int
    namespaces: int
    deliveries: int
    bytes_out: int
    slow_closes: int
    flood_closes: int
    refused: Mapping[str, int]

    @property
    def refused_connects(self) -> int:
        """All refused connects."""
        return sum(self.refused.values())


def _internal_error(socket: Socket, event: str, error: BaseException) -> Any:  # noqa: ARG001
    return {"error": "Internal error"}


class Gateway:
    """A Socket.IO server.

    Give `websocket_protocol` to ``uvicorn.Config(ws=…)`` and mount `asgi` at ``path``; register
    handlers on its namespaces. Times are in seconds, sizes in bytes.

    - ``ping_interval``, ``ping_timeout``: a client that does not answer a ping in time is dropped.
    - ``connect_timeout``: so long a client may take to connect to a namespace.
    - ``max_payload``: largest message or POST body of a client.
    - ``max_send_buffer``: a client that lets more than this pile up is closed with code 1013.
    - ``max_sockets``: sessions beyond it are refused with 503 and ``Retry-After``.
    - ``max_sockets_per_address``: sessions of one address beyond it are refused with 429, 0 for
      no limit. An IPv6 network of 64 bits counts as one address.
    - ``max_connects_per_address``: new sessions of one address per second, 0 for no limit;
      ``connect_burst`` may come at once, ten seconds' worth unless told. More get 429.
    - ``max_events``: packets of one client per second, pings and rubbish included, 0 for no limit;
      ``event_burst`` may come at once. A client that sends faster is read more slowly; one that
      does so for ``event_patience`` seconds on end is closed with code 1008.
    - ``max_handlers``: unfinished handlers of one client before nothing more is read from it.
    - ``max_attachments``: binary attachments of one packet.
    - ``allowed_origins``: Origin values of pages that may connect, besides the gateway's own
      host; ``"*"`` for any.
    - ``client_address``: finds the client's address from the connection's peer and the headers.
    - ``on_error``: called with socket, event and exception when an event handler fails; what it
      returns is acknowledged. The failure is logged, unless the exception has a true attribute
      ``expected``.
    """

    def __init__(
        self,
        path: str = "/socket.io/",
        *,
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        connect_timeout: float = 45.0,
        upgrade_timeout: float = 10.0,
        close_timeout: float = 5.0,
        max_payload: int = 1_000_000,
        max_send_buffer: int = 4_000_000,
        max_sockets: int = 100_000,
        max_sockets_per_address: int = 0,
        max_connects_per_address: float = 0.0,
        connect_burst: int = 0,
        max_events: float = 1_000.0,
        event_burst: int = 2_000,
        event_patience: float = 30.0,
        max_handlers: int = 100,
        max_attachments: int = 10,
        retry_after: int = 5,
        allowed_origins: Origins = (),
        client_address: ClientAddress = direct_address,
        on_error: OnError = _internal_error,
    ) -> None:
        self.engine = EngineServer(
            EngineOptions(
                path=path,
                ping_interval=ping_interval,
                ping_timeout=ping_timeout,
                upgrade_timeout=upgrade_timeout,
                close_timeout=close_timeout,
                max_payload=max_payload,
                max_send_buffer=max_send_buffer,
                max_sockets=max_sockets,
                max_sockets_per_address=max_sockets_per_address,
                max_connects_per_address=max_connects_per_address,
                connect_burst=connect_burst,
                max_events=max_events,
                event_burst=event_burst,
                event_patience=event_patience,
                retry_after=retry_after,
                allowed_origins=allowed_origins,
                client_address=client_address,
            ),
            lambda session: Connection(self, session),
        )
        self.connect_timeout = connect_timeout
        self.max_handlers = max_handlers
        self.max_attachments = max_attachments
        self.on_error = on_error
        self.namespaces: dict[str, Namespace] = {}
        self.websocket_protocol = protocol_class(self.engine)
        self.asgi = PollingApp(self.engine)
        self._tasks: set[asyncio.Task[Any]] = set()

    def namespace(self, name: str = "/") -> Namespace:
        """The namespace ``name``, made at the first call. Clients can connect to it from then on."""
        if not name.startswith("/"):
            raise ValueError(f"a namespace begins with a slash: {name!r}")
        found = self.namespaces.get(name)
        if found is None:
            found = self.namespaces[name] = Namespace(name, self.engine.outbox)
        return found

    def stats(self) -> GatewayStats:
        """Figures for a metrics page."""
        namespaces = self.namespaces.values()
        return GatewayStats(
            sockets=sum(len(namespace.sockets) for namespace in namespaces),
            sessions=len(self.engine.sessions),
            rooms=sum(namespace.room_count for namespace in namespaces),
            namespaces=len(namespaces),
            deliveries=self.engine.outbox.deliveries,
            bytes_out=self.engine.outbox.bytes_out,
            slow_closes=self.engine.counters.slow_closes,
            flood_closes=self.engine.counters.flood_closes,
            refused=dict(self.engine.counters.refused),
        )

    async def drain(self, spread: float = 0.0, timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Leave: refuse new clients (503), close the others evenly over ``spread`` seconds.

        WebSockets are closed with code 1001, polling sessions with a close packet. Returns when
        all are gone, or dropped after ``timeout`` more seconds.
        """
        await self.engine.drain(spread, timeout)

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Close everything now; call it before uvicorn's own shutdown."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout
        await self.drain(0.0, timeout)
        if self._tasks:
            # Disconnect handlers may have something left to do.
            await asyncio.wait(self._tasks, timeout=max(0.0, give_up - loop.time()))
        for task in list(self._tasks):
            task.cancel()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a handler's coroutine; it is cancelled when the gateway closes."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def protocol_class(*engines: EngineServer) -> type[WebSocketProtocol]:
    """The class for ``uvicorn.Config(ws=…)`` that serves these engines, each on its path."""
    servers = {}
    for engine in engines:
        path = engine.options.path
        servers[path] = servers[path.rstrip("/")] = engine
    return type("GatewayProtocol", (WebSocketProtocol,), {"__slots__": (), "servers": servers})
