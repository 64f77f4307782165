"""The control socket: verbs as JSON lines, one at a time where they change something; and its clients."""

import asyncio
import json
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubbub.fleet.errors import FleetError

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

logger = logging.getLogger("fleet")

SOCKET = "control.sock"
AUDIT = "audit.log"
LARGEST_REQUEST = 256 << 10
LARGEST_LINE = 16 << 20
"""Of an answer."""
REQUEST_SECONDS = 10.0
"""A client that has not sent its line by then is let go."""
MOST_CLIENTS = 50
LAST_WORDS = 1.0
BEHIND = 1 << 20
"""Bytes of progress a client may leave unread; it then gets no more of it."""

Progress = Callable[[str], None]
"""Tells the client a line of what is going on; may be called at any time, also when it has gone away."""


@dataclass(frozen=True)
class Request:
    """What a verb is given."""

    supervisor: "Supervisor"
    arguments: dict[str, Any]
    who: str
    progress: Progress


@dataclass(frozen=True)
class Verb:
    """`run` answers the result's fields, or raises FleetError.

    `changing`: one at a time, with an audit line.
    """

    run: Callable[[Request], Awaitable[dict[str, Any]]]
    changing: bool = True
    alone: bool = True
    """A changing verb that need not wait for another one's end has False: to call off what goes on."""


class Control:
    """The supervisor's end."""

    def __init__(self, supervisor: "Supervisor", verbs: Mapping[str, Verb]) -> None:
        self.verbs = verbs
        self._supervisor = supervisor
        self._path = supervisor.settings.directory / SOCKET
        self._directory = supervisor.settings.directory
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._running: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Raises FleetError when the socket cannot be made."""
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            # Before anybody can connect.
            self._path.chmod(0o600)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=LARGEST_REQUEST
            )
        except OSError as error:
            listener.close()
            raise FleetError(f"{self._path} cannot be made: {error}.") from None

    async def close(self) -> None:
        """Lets what is answered be read, for a moment, and takes nothing more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        if self._answering:
            await asyncio.wait(self._answering, timeout=LAST_WORDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        me = asyncio.current_task()
        assert me is not None
        self._answering.add(me)
        me.add_done_callback(self._answering.discard)
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                if self._clients > MOST_CLIENTS:
                    raise FleetError("Too many clients at once; try again.")
                async with asyncio.timeout(REQUEST_SECONDS):
                    line = await reader.readline()
                await self._answer(line, writer)
        except FleetError as error:
            tell(writer, {"ok": False, "error": str(error), "exit": 1})
        except ValueError:
            text = f"A request is no longer than {LARGEST_REQUEST} bytes."
            tell(writer, {"ok": False, "error": text, "exit": 1})
        finally:
            self._clients -= 1
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(REQUEST_SECONDS):
                    await writer.drain()
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        name, arguments, who = understand(line)
        verb = self.verbs.get(name)
        if verb is None:
            raise FleetError(f"{name!r} is no verb; there are {', '.join(sorted(self.verbs))}.")

        def progress(text: str) -> None:
            tell(writer, {"progress": text})

        request = Request(self._supervisor, arguments, who, progress)
        # A task of its own: the operation goes on when the client goes away.
        task = asyncio.ensure_future(self._run(name, verb, request, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _run(
        self, name: str, verb: Verb, request: Request, writer: asyncio.StreamWriter
    ) -> None:
        outcome = "done"
        try:
            if verb.changing and verb.alone:
                async with self._supervisor.changing(name):
                    result = await verb.run(request)
            else:
                result = await verb.run(request)
            answer: dict[str, Any] = {"ok": True, "result": result}
        except FleetError as error:
            outcome = str(error)
            answer = {"ok": False, "error": outcome, "exit": 1}
        except Exception as error:
            logger.exception("%s failed", name)
            outcome = f"{type(error).__name__}: {error}"
            answer = {"ok": False, "error": f"The supervisor failed at it: {outcome}", "exit": 1}
        if verb.changing:
            audit(self._directory, name, request.who, request.arguments, outcome)
        # Read by the client in its own time: an answer is bounded by what it is made of.
        with suppress(OSError):
            if not writer.is_closing():
                writer.write(json.dumps(answer).encode() + b"\n")


def audit(directory: Path, verb: str, who: str, arguments: Mapping[str, Any], outcome: str) -> None:
    """One line of what somebody changed. A full disk does not keep them from it."""
    line = {"time": round(time.time(), 3), "who": who, "verb": verb}
    line |= {"arguments": arguments, "outcome": outcome}
    logger.info("%s by %s: %s", verb, who, outcome)
    try:
        descriptor = os.open(directory / AUDIT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.error("%s cannot be written: %s", directory / AUDIT, error)


def understand(line: bytes) -> tuple[str, dict[str, Any], str]:
    """Verb, arguments and who asks. Raises FleetError."""
    try:
        asked = json.loads(line)
        name, arguments, who = asked["verb"], asked.get("arguments") or {}, asked.get("who", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FleetError("A request is one line of JSON with `verb`, `arguments`, `who`.") from None
    if not (isinstance(name, str) and isinstance(arguments, dict) and isinstance(who, str)):
        raise FleetError("`verb` and `who` must be text, and `arguments` an object.")
    return name, arguments, who[:200] or "unknown"


def tell(writer: asyncio.StreamWriter, line: dict[str, Any]) -> None:
    """Writes a line to who may have gone away or reads nothing."""
    if not writer.is_closing() and writer.transport.get_write_buffer_size() < BEHIND:
        with suppress(OSError):
            writer.write(json.dumps(line).encode() + b"\n")


def call(
    directory: Path,
    verb: str,
    arguments: dict[str, Any] | None = None,
    *,
    who: str,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Asks the supervisor of that directory and returns the result. Raises FleetError, also when there is none.

    `seconds`: how long to wait for each line of the answer; None: as long as it takes.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(directory / SOCKET))
            connection.sendall(request_line(verb, arguments, who))
            with connection.makefile("rb") as answer:
                while line := answer.readline(LARGEST_LINE):
                    result = read_answer(line, progress)
                    if result is not None:
                        return result
        except TimeoutError:
            raise FleetError(f"The supervisor did not answer within {seconds:g} s.") from None
        except OSError as error:
            raise nobody(directory, error) from None
    raise cut_off()


async def call_async(
    directory: Path,
    verb: str,
    arguments: dict[str, Any] | None = None,
    *,
    who: str,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """`call` for an event loop; `seconds` are for the whole of it."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(
                str(directory / SOCKET), limit=LARGEST_LINE
            )
            try:
                writer.write(request_line(verb, arguments, who))
                while line := await reader.readline():
                    result = read_answer(line, progress)
                    if result is not None:
                        return result
            finally:
                writer.close()
    except TimeoutError:
        raise FleetError(f"The supervisor did not answer within {seconds:g} s.") from None
    except OSError as error:
        raise nobody(directory, error) from None
    raise cut_off()


def request_line(verb: str, arguments: dict[str, Any] | None, who: str) -> bytes:
    return json.dumps({"verb": verb, "arguments": arguments or {}, "who": who}).encode() + b"\n"


def read_answer(line: bytes, progress: Progress | None) -> dict[str, Any] | None:
    """The result in the last line, None for a line of progress. Raises FleetError with what the supervisor said."""
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError:
        raise cut_off() from None
    if "ok" not in answer:
        if progress is not None:
            progress(str(answer.get("progress", "")))
        return None
    if not answer["ok"]:
        raise FleetError(str(answer.get("error", "It failed.")))
    result: dict[str, Any] = answer.get("result") or {}
    return result


def nobody(directory: Path, error: OSError) -> FleetError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return FleetError(f"No supervisor runs for {directory}: `hubbub fleet up` starts it.")
    if isinstance(error, PermissionError):
        return FleetError(f"{directory / SOCKET} belongs to another user.")
    return FleetError(f"The supervisor cannot be reached: {error}.")


def cut_off() -> FleetError:
    return FleetError("The supervisor ended before it answered.")
