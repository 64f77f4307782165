"""The standard conformance application: ``python -m hubbub.gateway.echo --port P``.

The public test suites of the Socket.IO and Engine.IO protocols run against it: Socket.IO at
``/socket.io/``, plain Engine.IO, which echoes every message, at ``/engine.io/``.
"""

from __future__ import annotations

import argparse
import socket as sockets
from typing import Any

import uvicorn

from .engine import EngineOptions, EngineServer, Session
from .frames import BINARY, TEXT, encode_frame
from .gateway import Gateway, protocol_class
from .namespace import Namespace
from .polling import PollingApp, Receive, Scope, Send
from .socket import Socket


def build_gateway(ping_interval: float = 25.0, ping_timeout: float = 20.0) -> Gateway:
    """The echo application on namespaces ``/`` and ``/custom``."""
    gateway = Gateway(
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        connect_timeout=1.0,
        max_payload=1_000_000,
        allowed_origins="*",
    )
    for name in ("/", "/custom"):
        _register(gateway.namespace(name))
    return gateway


def _register(namespace: Namespace) -> None:
    @namespace.on_connect
    def connect(socket: Socket, auth: dict[str, Any]) -> None:
        socket.emit("auth", auth)

    @namespace.on("message")
    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    @namespace.on("message-with-ack")
    def message_with_ack(_socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @namespace.on("join")
    def join(socket: Socket, room: str) -> None:
        socket.join(room)
        socket.emit("joined")

    @namespace.on("msg")
    def msg(_socket: Socket, body: dict[str, Any]) -> None:
        namespace.emit("msg", body, room=body["room"])


class _EngineEcho:
    def __init__(self, session: Session) -> None:
        self._session = session

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._session.send(encode_frame(BINARY, message))
        else:
            self._session.send(encode_frame(TEXT, b"4" + message.encode()))

    def on_close(self, reason: str) -> None:
        pass


class EchoServer(uvicorn.Server):
    """uvicorn with the echo application; it lets the clients go before it stops."""

    def __init__(
        self, host: str, port: int, ping_interval: float = 25.0, ping_timeout: float = 20.0
    ) -> None:
        self.gateway = build_gateway(ping_interval, ping_timeout)
        options = EngineOptions(
            path="/engine.io/",
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            allowed_origins="*",
        )
        self.engine = EngineServer(options, _EngineEcho)
        self._engine_app = PollingApp(self.engine)
        super().__init__(
            uvicorn.Config(
                self._app,
                host=host,
                port=port,
                ws=protocol_class(self.gateway.engine, self.engine),
                http="httptools",
                loop="uvloop",
                interface="asgi3",
                proxy_headers=False,
                lifespan="off",
                log_level="warning",
                access_log=False,
                backlog=4096,
            )
        )

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        engine = scope["path"].startswith("/engine.io")
        await (self._engine_app if engine else self.gateway.asgi)(scope, receive, send)

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self.gateway.close(timeout=2.0)
        await self.engine.drain(timeout=2.0)
        await super().shutdown(sockets)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m hubbub.gateway.echo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ping-interval", type=int, default=25000, metavar="MS")
    parser.add_argument("--ping-timeout", type=int, default=20000, metavar="MS")
    options = parser.parse_args()
    server = EchoServer(
        options.host, options.port, options.ping_interval / 1000, options.ping_timeout / 1000
    )
    server.run()


if __name__ == "__main__":
    main()
