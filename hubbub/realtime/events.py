"""Lets signed-in people connect a socket, and tells the others who is there."""

import asyncio
import logging
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from hubbub.gateway import ConnectRefused, EncodedJson, Namespace, Socket
from hubbub.kernel.connection import Connection
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.errors import Forbidden, Problem, Unauthenticated, Unavailable
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.presence import Presence
from hubbub.kernel.schemas import Identifier
from hubbub.kernel.sockets import count_command, parse_input, require_connection
from hubbub.people.access import authenticate
from hubbub.people.roles import COLLEAGUES

logger = logging.getLogger("hubbub.realtime")

CONNECTING = 2_000
"""Sockets that may wait for their session to be looked up; further ones are told when to come again."""

running: set[asyncio.Task[None]] = set()


class Follow(BaseModel):
    model_config = ConfigDict(extra="ignore")

    streams: dict[Identifier, int | None] = Field(max_length=1_000)


class Unfollow(BaseModel):
    model_config = ConfigDict(extra="ignore")

    streams: list[Identifier] = Field(max_length=2_000)


class Token(BaseModel):
    model_config = ConfigDict(extra="ignore")

    token: str = Field(max_length=4_000)


def accept_sockets(
    kernel: Kernel, namespace: Namespace, delivery: Delivery, presence: Presence
) -> None:
    """Registers connect, disconnect, `follow`, `unfollow` and `token`, and who may follow what."""
    kernel.stream_access["person"] = lambda _connection, caller, ids: {caller.id} & set(ids)
    kernel.stream_access["workspace"] = lambda _connection, caller, ids: (
        set(ids) if caller.role in COLLEAGUES else set()
    )
    limited = kernel.settings.rate_limits

    @namespace.on_connect
    async def connect(socket: Socket, auth: Any) -> None:
        delivery.connecting += 1
        try:
            if delivery.away:
                raise Unavailable("This node is leaving.")
            if delivery.connecting > CONNECTING:
                raise Unavailable("Too many are connecting just now.")
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                raise Unauthenticated("Sign in first.")
            caller, expires_at = await authenticate(kernel, token, socket.address)
            await delivery.attach(socket, caller, expires_at)
        except Problem as problem:
            if isinstance(problem, Unavailable):
                problem.retry_after = delivery.retry_after()
            raise ConnectRefused(problem.detail, problem.document()) from None
        finally:
            delivery.connecting -= 1
        presence.enter(caller.id)

    @namespace.on_disconnect
    def disconnect(socket: Socket, _reason: str) -> None:
        connection = socket.data
        if isinstance(connection, Connection):
            delivery.detach(connection)
            presence.leave(connection.caller.id)

    @namespace.on("follow")
    async def follow(socket: Socket, *arguments: Any) -> dict[str, Any]:
        connection = require_connection(socket)
        count_command(connection, enabled=limited)
        wanted = parse_input(Follow, arguments).streams
        return {"ok": True, "streams": await delivery.follow(connection, wanted)}

    @namespace.on("unfollow")
    def unfollow(socket: Socket, *arguments: Any) -> EncodedJson:
        connection = require_connection(socket)
        delivery.unfollow(connection, parse_input(Unfollow, arguments).streams)
        return EncodedJson(b'{"ok":true}')

    @namespace.on("token")
    async def token(socket: Socket, *arguments: Any) -> EncodedJson:
        connection = require_connection(socket)
        count_command(connection, enabled=limited)
        given = parse_input(Token, arguments).token
        caller, expires_at = await authenticate(kernel, given, socket.address)
        if (caller.id, caller.session) != (connection.caller.id, connection.caller.session):
            raise Forbidden("This token belongs to another session.")
        connection.expires_at = max(connection.expires_at, expires_at)
        return EncodedJson(b'{"ok":true}')

    def session_ended(entry: Entry) -> None:
        delivery.end_session(entry.stream, orjson.loads(entry.data).get("session"))

    def user_changed(entry: Entry) -> None:
        person = orjson.loads(entry.data)
        if entry.stream == person["id"]:
            hold(delivery.recheck(person["id"], person["role"]))

    delivery.on_entry.setdefault("session.ended", []).append(session_ended)
    delivery.on_entry.setdefault("user.changed", []).append(user_changed)


def hold(work: Any) -> None:
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)
