"""python-socketio on uvicorn with the application of `hubbub.gateway.echo`.

`python -m bench.peers.python_socketio --port P`
"""

import argparse
from typing import Any

import socketio
import uvicorn


def build_server() -> socketio.AsyncServer:
    """The echo application on namespaces `/` and `/custom`."""
    server = socketio.AsyncServer(
        async_mode="asgi",
        cors_allowed_origins="*",
        # Nothing on our side is compressed.
        http_compression=False,
        # A task for each event, the default, costs more than these short handlers do.
        async_handlers=False,
        logger=False,
        engineio_logger=False,
    )
    for namespace in ("/", "/custom"):
        _register(server, namespace)
    return server


def _register(server: socketio.AsyncServer, namespace: str) -> None:
    async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
        await server.emit("auth", auth or {}, to=sid, namespace=namespace)

    async def message(sid: str, *values: Any) -> None:
        await server.emit("message-back", values, to=sid, namespace=namespace)

    async def message_with_ack(_sid: str, *values: Any) -> tuple[Any, ...]:
        return values

    async def join(sid: str, room: str) -> None:
        await server.enter_room(sid, room, namespace=namespace)
        await server.emit("joined", to=sid, namespace=namespace)

    async def msg(_sid: str, body: dict[str, Any]) -> None:
        await server.emit("msg", body, room=body["room"], namespace=namespace)

    handlers = {
        "connect": connect,
        "message": message,
        "message-with-ack": message_with_ack,
        "join": join,
        "msg": msg,
    }
    for event, handler in handlers.items():
        server.on(event, handler, namespace=namespace)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.python_socketio")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        socketio.ASGIApp(build_server()),
        host=options.host,
        port=options.port,
        http="httptools",
        loop="uvloop",
        # The fastest of uvicorn's three: wsproto and `websockets` took 5 to 20 % more CPU.
        ws="websockets-sansio",
        # uvicorn's own pings and compression would be work that the others do not do.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        proxy_headers=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=4096,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
