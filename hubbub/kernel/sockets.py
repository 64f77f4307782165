"""Socket commands: parse, submit to the committer, acknowledge (docs/api.md, Socket)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from hubbub.gateway import EncodedJson, Namespace, Socket
from hubbub.kernel.commands import Command, Outcome
from hubbub.kernel.connection import Connection
from hubbub.kernel.delivery import encode_ack, problem_ack
from hubbub.kernel.errors import Invalid, Problem, TooMany, Unauthenticated
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel

logger = logging.getLogger("hubbub.sockets")

BURST = 100.0
PER_SECOND = 25.0
"""Commands of one socket: a burst, then a steady rate (a token bucket)."""


def parse_input(model: type[BaseModel], arguments: tuple[Any, ...]) -> Any:
    """The first argument of an event as the model. Raises Invalid."""
    try:
        return model.model_validate(arguments[0] if arguments else {})
    except ValidationError as error:
        errors = [
            {"loc": [str(part) for part in item["loc"]], "msg": item["msg"]}
            for item in error.errors(include_url=False, include_context=False)[:20]
        ]
        where = ".".join(errors[0]["loc"]) or "argument"
        raise Invalid(f"{where}: {errors[0]['msg']}.", errors=errors) from None


def require_connection(socket: Socket) -> Connection:
    connection = socket.data
    if not isinstance(connection, Connection):
        raise Unauthenticated("Sign in first.")
    return connection


def count_command(connection: Connection, *, enabled: bool) -> None:
    """Raises TooMany when the socket sends more than its share."""
    if not enabled:
        return
    now = asyncio.get_running_loop().time()
    connection.commands = max(0.0, connection.commands - (now - connection.counted_at) * PER_SECOND)
    connection.counted_at = now
    if connection.commands >= BURST:
        raise TooMany("Too many commands on this connection.", retry_after=1)
    connection.commands += 1.0


def answer_error(_socket: Socket, event: str, error: BaseException) -> EncodedJson:
    """The ack of a command that failed (Gateway.on_error)."""
    if isinstance(error, Problem):
        error.request_id = error.request_id or new_id()
        return problem_ack(error)
    problem = Problem("Something went wrong on the server. It has been logged.")
    problem.request_id = new_id()
    logger.error("%s failed", event, exc_info=error, extra={"request_id": problem.request_id})
    return problem_ack(problem)


def register_command(
    kernel: Kernel,
    namespace: Namespace,
    event: str,
    model: type[BaseModel],
    command: Command,
    *,
    shows: str | None = None,
    fields: Callable[[Any], dict[str, Any]],
) -> None:
    """Accepts an event as a command. `fields` gives the command's arguments; `shows` names its body in the ack."""
    limited = kernel.settings.rate_limits

    def handle(socket: Socket, *arguments: Any) -> "asyncio.Future[EncodedJson]":
        connection = require_connection(socket)
        count_command(connection, enabled=limited)
        parsed = parse_input(model, arguments)
        ack: asyncio.Future[EncodedJson] = asyncio.get_running_loop().create_future()

        def acknowledge(result: Outcome | Exception) -> None:
            if ack.done():
                return
            if isinstance(result, Exception):
                ack.set_exception(result)
            else:
                ack.set_result(encode_ack(result.body, result.seq, shows))

        kernel.submit_then(acknowledge, command, connection.caller, fields(parsed), parsed.key)
        return ack

    namespace.on(event)(handle)
