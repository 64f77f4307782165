"""A chat server on the gateway alone, without the rest of Hubbub.

Run ``python examples/gateway_chat.py PORT`` and connect any Socket.IO client:

    socket = io("http://127.0.0.1:PORT", { auth: { name: "Ada" } })
    socket.on("said", (name, text) => …)
    await socket.emitWithAck("join", "tea")   // → ["Ada", …]
    socket.emit("say", "tea", "Anyone for a cup?")
"""

import sys
from typing import Any

import uvicorn

from hubbub.gateway import ConnectRefused, Gateway, Socket
from hubbub.gateway.server import GracefulServer, HttpProtocol

gateway = Gateway()
chat = gateway.namespace("/")


@chat.on_connect
async def connect(socket: Socket, auth: dict[str, Any]) -> None:
    name = auth.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 50:
        raise ConnectRefused("Tell us your name.")
    socket.data = name


@chat.on("join")
def join(socket: Socket, room: str) -> list[str]:
    socket.join(room)
    chat.emit("joined", room, socket.data, room=room, skip=socket)
    return sorted(member.data for member in chat.members(room))


@chat.on("say")
def say(socket: Socket, room: str, text: str) -> None:
    if room in socket.rooms:
        chat.emit("said", socket.data, text, room=room)


@chat.on_disconnect
def leave(socket: Socket, reason: str) -> None:
    print(socket.data, "left:", reason, flush=True)


if __name__ == "__main__":
    config = uvicorn.Config(
        gateway.asgi,
        port=int(sys.argv[1]),
        ws=gateway.websocket_protocol,
        http=HttpProtocol,
        loop="uvloop",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
    )
    GracefulServer(config, gateway.close).run()
