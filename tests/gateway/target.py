"""A gateway in a process of its own that tells about itself: `python -m tests.gateway.target PORT OPTIONS`.

OPTIONS is JSON: what `Gateway` takes, `request_timeout` and `keep_alive` for HTTP, and `files`, the soft and the
hard limit of open files. It says `ready` once it listens.
`/stats` answers its figures and its resident memory in bytes.
"""

import contextlib
import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn

from hubbub.gateway import Gateway, Socket
from hubbub.gateway.polling import Receive, Scope, Send
from hubbub.gateway.server import GracefulServer, HttpProtocol, room_for_sockets

PAGE = os.sysconf("SC_PAGE_SIZE")


def build_gateway(options: dict[str, Any]) -> Gateway:
    """Echoes, rooms and an attachment or two, on two namespaces."""
    gateway = Gateway(allowed_origins="*", **options)
    for name in ("/", "/custom"):
        register(gateway, name)
    return gateway


def register(gateway: Gateway, name: str) -> None:
    namespace = gateway.namespace(name)

    @namespace.on("echo")
    def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
        try:
            socket.emit("echo", *args)
        except TypeError:  # JSON may be read deeper than it may be written
            return ("too deep",)
        return args

    @namespace.on("later")
    async def later(socket: Socket, *args: Any) -> int:
        return len(args)

    @namespace.on("join")
    def join(socket: Socket, *rooms: Any) -> None:
        if rooms and isinstance(rooms[0], str) and len(socket.rooms) < 10:
            socket.join(rooms[0])

    @namespace.on("leave")
    def leave(socket: Socket, *rooms: Any) -> None:
        if rooms and isinstance(rooms[0], str):
            socket.leave(rooms[0])

    @namespace.on("say")
    def say(socket: Socket, *args: Any) -> None:
        if args and isinstance(args[0], str):
            with contextlib.suppress(TypeError):
                namespace.emit("said", *args[1:], room=args[0])


def resident() -> int:
    """Bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main() -> None:
    options = json.loads(sys.argv[2])
    keep_alive = options.pop("keep_alive", 5)
    request_timeout = options.pop("request_timeout", HttpProtocol.request_timeout)
    http = type("Http", (HttpProtocol,), {"request_timeout": request_timeout})
    files = options.pop("files", None)
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        options["max_sockets"] = room_for_sockets(options["max_sockets"])
    gateway = build_gateway(options)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/stats":
            await gateway.asgi(scope, receive, send)
            return
        figures = asdict(gateway.stats()) | {
            "resident": resident(),
            "waiting": len(gateway.engine.wheel),
            "addresses": len(gateway.engine.addresses),
        }
        head = {"type": "http.response.start", "status": 200, "headers": []}
        await send(head)
        await send({"type": "http.response.body", "body": json.dumps(figures).encode()})

    class Announced(GracefulServer):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            print("ready", flush=True)

    config = uvicorn.Config(
        app,
        port=int(sys.argv[1]),
        ws=gateway.websocket_protocol,
        http=http,
        loop="uvloop",
        interface="asgi3",
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=keep_alive,
        backlog=4096,
    )
    Announced(config, gateway.close).run()


if __name__ == "__main__":
    main()
