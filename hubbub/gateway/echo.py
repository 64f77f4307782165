"""The standard conformance application: ``python -m hubbub.gateway.echo --port P``.

The public test suites of the Socket.IO and Engine.IO protocols run against it: Socket.IO at
``/socket.io/``, plain Engine.IO, which echoes every message, at ``/engine.io/``.
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn

from .engine import EngineOptions, EngineServer
from .frames import BINARY, TEXT, encode_frame
from .gateway import Gateway, protocol_class
from .namespace import Namespace
from .polling import PollingApp, Receive, Scope, Send
from .server import GracefulServer, HttpProtocol
from .session import Session
from .socket import Socket


def build_gateway(ping_interval: float = 25.0, ping_timeout: float = 20.0) -> Gateway:
    """The echo application on namespaces ``/`` and ``/custom``."""
    gateway = Gateway(
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        connect_timeout=1.0,
        max_payload=1_000_000,
        # Load comes from few clients here.
        max_events=0,
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


def build_server(
    host: str, port: int, ping_interval: float = 25.0, ping_timeout: float = 20.0
) -> GracefulServer:
    """uvicorn with both applications; times in seconds."""
    gateway = build_gateway(ping_interval, ping_timeout)
    engine = EngineServer(
        EngineOptions(
            path="/engine.io/",
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_events=0,
            allowed_origins="*",
        ),
        _EngineEcho,
    )
    engine_app = PollingApp(engine)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["path"].startswith("/engine.io")
        await (engine_app if plain else gateway.asgi)(scope, receive, send)

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ws=protocol_class(gateway.engine, engine),
        http=HttpProtocol,
        loop="uvloop",
        interface="asgi3",
        proxy_headers=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=4096,
    )
    return GracefulServer(config, gateway.close, engine.drain)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m hubbub.gateway.echo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ping-interval", type=int, default=25000, metavar="MS")
    parser.add_argument("--ping-timeout", type=int, default=20000, metavar="MS")
    options = parser.parse_args()
    build_server(
        options.host, options.port, options.ping_interval / 1000, options.ping_timeout / 1000
    ).run()


if __name__ == "__main__":
    main()
