"""Lets signed-in people connect a socket, and tells the others who is there."""

import asyncio
import logging
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from hubbub.gateway import ConnectRefused, EncodedJson, Namespace, Socket
from hubbub.kernel.caller import Caller
from hubbub.kernel.connection import Connection
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.errors import Forbidden, NotFound, Problem, Unauthenticated, Unavailable
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.presence import Presence
from hubbub.kernel.schemas import Identifier
from hubbub.kernel.sockets import count_command, parse_input, require_connection
from hubbub.people.access import get_authenticator
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
    kernel.stream_access["person"] = lambda _connection, asked: {
        (caller, stream) for caller, stream in asked if stream == caller.id
    }
    kernel.stream_access["workspace"] = lambda _connection, asked: {
        (caller, stream) for caller, stream in asked if caller.role in COLLEAGUES
    }
    limited = kernel.settings.rate_limits
    authenticator = get_authenticator(kernel)

    async def admit(socket: Socket, token: str) -> Caller:
        caller, expires_at = authenticator.claim(token, socket.address)
        try:
            connection = await delivery.attach(socket, caller, expires_at)
        except NotFound:
            raise Unauthenticated("The session has ended. Sign in again.") from None
        try:
            # Asked once the person's stream is followed: what ends the session later comes as an entry.
            found, _ = await authenticator.authenticate(token, socket.address, fresh=True)
        except BaseException:
            delivery.detach(connection)
            raise
        if connection.caller is caller:
            connection.caller = found
        return found

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
            caller = await admit(socket, token)
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
        caller, expires_at = await authenticator.authenticate(given, socket.address)
        if (caller.id, caller.session) != (connection.caller.id, connection.caller.session):
            raise Forbidden("This token belongs to another session.")
        connection.expires_at = max(connection.expires_at, expires_at)
        return EncodedJson(b'{"ok":true}')

    def forget(user: str) -> None:
        """The person's sessions are looked up anew by their next request here."""
        for connection in delivery.connections_of(user):
            authenticator.forget(connection.caller.session)

    def session_ended(entry: Entry) -> None:
        forget(entry.stream)
        delivery.end_session(entry.stream, orjson.loads(entry.data).get("session"))

    def user_changed(entry: Entry) -> None:
        person = orjson.loads(entry.data)
        if entry.stream == person["id"]:
            forget(entry.stream)
            hold(delivery.recheck(person["id"], person["role"]))

    delivery.on_entry.setdefault("session.ended", []).append(session_ended)
    delivery.on_entry.setdefault("user.changed", []).append(user_changed)


def hold(work: Any) -> None:
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)
