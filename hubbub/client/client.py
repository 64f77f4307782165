"""The client: HTTP for state, one socket for commands and entries."""

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2
import socketio
from socketio.exceptions import ConnectionError as SocketConnectionError
from socketio.exceptions import SocketIOError

from hubbub.client.follower import Cursors, Entry, Reset

logger = logging.getLogger("hubbub.client")

WAITING_ENTRIES = 100_000
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
LONGEST_ASKED = 60.0
"""Seconds a server may ask this client to wait; one that asks for more is not believed."""
LATER = (429, 503)
ACK_SECONDS = 10.0
CANCELS = 10
PAGE = 200
REFRESH_BEFORE = 60.0


class ClientError(Exception):
    """Something went wrong on the way; the message says what."""


class Refused(ClientError):  # noqa: N818 - what the server did
    """The server said no; `problem` is its problem document (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "refused"))
        self.problem = problem
        self.status = int(problem.get("status", 0))


class Client:
    """A signed-in person or bot. Use it as `async with Client(url) as client:`.

    Reading: `follow` streams, then iterate `entries()`. Writing: `post` and the other commands; each is retried
    with its key until the server has answered. Raises Refused when the server says no. `transports` are those of
    Engine.IO; with "polling" a balancer in between must be sticky (docs/cluster.md).
    """

    def __init__(self, url: str, *, transports: Sequence[str] = ("websocket",)) -> None:
        self.url = url.rstrip("/")
        self._transports = list(transports)
        self.me: dict[str, Any] = {}
        self.signals: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1_000)
        self.connects = 0
        self._http = httpx2.AsyncClient(base_url=self.url, timeout=30.0)
        self._token = ""
        self._refresh_token = ""
        self._refresh_at = 0.0
        self._refreshing = asyncio.Lock()
        self._socket: socketio.AsyncClient | None = None
        self._online = asyncio.Event()
        self._lost = asyncio.Event()
        self._cursors = Cursors()
        self._entries: asyncio.Queue[Entry | Reset] = asyncio.Queue(WAITING_ENTRIES)
        self._filling: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._closing = False
        self._failure: ClientError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the socket and stops everything this client started."""
        self._closing = True
        tasks = {*self._tasks, *([self._runner] if self._runner else [])}
        for _ in range(CANCELS):
            if not tasks:
                break
            # The socket's library may swallow a cancellation while it connects: ask again.
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=1)
        await self._drop_socket()
        await self._http.aclose()

    # Signing in.

    async def sign_up(
        self, name: str, email: str, password: str, *, invite: str | None = None
    ) -> None:
        body = {"name": name, "email": email, "password": password, "invite": invite}
        self._accept(await self._credentials("/api/auth/signup", body))

    async def sign_in(self, email: str, password: str) -> None:
        self._accept(
            await self._credentials("/api/auth/login", {"email": email, "password": password})
        )

    async def join_as_guest(self, invite: str, name: str) -> None:
        self._accept(await self._credentials("/api/guests", {"invite": invite, "name": name}))

    def adopt(self, other: "Client") -> None:
        """Uses the session of another signed-in client for as long as its access token lives."""
        self.me = other.me
        self._token = other._token
        self._refresh_at = other._refresh_at

    async def _credentials(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._http.post(path, json=body | {"token_in_body": True})
        answer: dict[str, Any] = read_answer(response)
        return answer

    def _accept(self, answer: dict[str, Any]) -> None:
        self.me = answer["user"]
        self._token = answer["access_token"]
        self._refresh_token = answer["refresh_token"]
        loop = asyncio.get_running_loop()
        self._refresh_at = loop.time() + max(5.0, answer["expires_in"] - REFRESH_BEFORE)

    async def _refresh(self, stale: str) -> None:
        async with self._refreshing:
            if self._token != stale:
                return
            self._accept(
                await self._credentials("/api/auth/refresh", {"refresh_token": self._refresh_token})
            )

    # HTTP.

    async def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> Any:
        """Calls the API and answers its JSON (None for 204).

        Reads, and writes (which get a key), are sent again while the server cannot be reached. Raises Refused.
        """
        headers = {} if method == "GET" else {"Idempotency-Key": key or str(uuid.uuid4())}
        wait = FIRST_WAIT
        while True:
            token = self._token
            try:
                response = await self._http.request(
                    method,
                    path,
                    json=body,
                    params={k: v for k, v in query.items() if v is not None},
                    headers=headers | {"Authorization": f"Bearer {token}"},
                )
            except httpx2.TransportError as error:
                logger.debug("%s %s: %r", method, path, error)
            else:
                if response.status_code == 401 and self._refresh_token:
                    await self._refresh(token)
                    continue
                if response.status_code != 503:
                    return read_answer(response)
                await asyncio.sleep(asked(response.headers.get("retry-after")))
            wait = await pause(wait)

    # Following.

    async def follow(self, streams: Mapping[str, int | None]) -> None:
        """Follows streams from the given cursors; None starts at the present head.

        Returns when the server has accepted it. Raises Refused when a stream is not one's to see.
        """
        await self.connect()
        for stream, cursor in streams.items():
            self._cursors.last[stream] = cursor
        wanted = dict(streams)
        while wanted:
            try:
                refused = await self._send_follow(wanted)
            except SocketIOError:
                await self._until_online()
                await asyncio.sleep(FIRST_WAIT)
                # A reconnect in between has followed them already, from where they stand now.
                wanted = {s: self._cursors.last[s] for s in wanted if s in self._cursors.last}
            else:
                for problem in refused.values():
                    raise Refused(problem)
                return

    async def connect(self) -> None:
        """Opens the socket and keeps it open; returns when it is connected. Raises ClientError."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="hubbub client")
        await self._until_online()

    async def _until_online(self) -> None:
        waiting = asyncio.ensure_future(self._online.wait())
        assert self._runner is not None
        await asyncio.wait([waiting, self._runner], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise self._failure or ClientError("the client is closed")

    async def entries(self) -> AsyncIterator[Entry | Reset]:
        """Every entry of the followed streams, once and in order for each stream; forever."""
        while True:
            yield await self._entries.get()

    async def next_entry(self) -> Entry | Reset:
        return await self._entries.get()

    # Commands.

    async def command(self, event: str, **arguments: Any) -> dict[str, Any]:
        """Sends a socket command with a key until it is acknowledged; answers the ack. Raises Refused."""
        arguments.setdefault("key", str(uuid.uuid4()))
        await self.connect()
        wait = FIRST_WAIT
        while True:
            await self._until_online()
            try:
                ack = await self._call(event, arguments)
            except SocketIOError:
                wait = await pause(wait)
                continue
            if ack.get("ok"):
                answer: dict[str, Any] = ack
                return answer
            error = ack.get("error", {})
            if error.get("status") not in LATER:
                raise Refused(error)
            await asyncio.sleep(asked(error.get("retry_after", 1)))

    async def _call(self, event: str, arguments: dict[str, Any]) -> Any:
        """What the server acknowledges. Raises SocketIOError, at once when the socket is lost meanwhile."""
        socket = self._socket
        if socket is None:
            raise SocketConnectionError
        answer = asyncio.ensure_future(socket.call(event, arguments, timeout=ACK_SECONDS))
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise SocketConnectionError("the socket was lost before it was acknowledged")
            return answer.result()
        finally:
            lost.cancel()
            answer.cancel()

    async def post(
        self, room: str, body: str, *, reply_to: str | None = None, key: str | None = None
    ) -> dict[str, Any]:
        """Posts a message; answers it as the server keeps it. Raises Refused."""
        arguments = {"room": room, "body": body, "reply_to": reply_to}
        if key is not None:
            arguments["key"] = key
        message: dict[str, Any] = (await self.command("message.post", **arguments))["message"]
        return message

    async def mark_read(self, room: str, seq: int) -> None:
        await self.command("room.read", room=room, seq=seq)

    # The socket and its loss.

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._closing:
            lost = asyncio.Event()
            try:
                await self._connect_once(lost)
                wait = FIRST_WAIT
                await lost.wait()
            except Refused as refused:
                if refused.status in (401, 403):
                    self._failure = refused
                    return
                self._wait_for(refused.problem.get("retry_after"))
            except Exception as error:
                # The libraries below raise many things for a server that is not there yet.
                logger.debug("connecting failed: %r", error)
            self._online.clear()
            await self._drop_socket()
            await asyncio.sleep(self._not_before - asyncio.get_running_loop().time())
            wait = await pause(wait)

    def _wait_for(self, seconds: Any) -> float:
        """Does not connect again before the server wants it; answers in how many seconds that is."""
        wait = asked(seconds)
        self._not_before = asyncio.get_running_loop().time() + wait
        return wait

    async def _connect_once(self, lost: asyncio.Event) -> None:
        if self._refresh_token and asyncio.get_running_loop().time() >= self._refresh_at:
            await self._refresh(self._token)
        socket = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)
        refusal: dict[str, Any] = {}

        def on_refused(data: Any) -> None:
            if isinstance(data, dict):
                refusal.update(data.get("data") or {})

        def on_goaway(data: dict[str, Any]) -> None:
            # The node serves until it is this client's turn.
            wait = self._wait_for(data.get("retry_after"))
            asyncio.get_running_loop().call_later(wait, lost.set)

        socket.on("connect_error", on_refused)
        socket.on("disconnect", lambda *_: lost.set())
        socket.on("goaway", on_goaway)
        socket.on("entries", self._on_entries)
        socket.on("reset", self._on_reset)
        socket.on("heads", self._on_heads)
        socket.on("signal", self._on_signal)
        self._socket, self._lost = socket, lost
        try:
            await socket.connect(
                self.url,
                auth={"token": self._token},
                transports=self._transports,
                wait_timeout=10,
            )
        except SocketConnectionError:
            if refusal.get("status") == 401 and self._refresh_token:
                await self._refresh(self._token)
                raise
            if refusal:
                raise Refused(refusal) from None
            raise
        # The library tells nobody when an answer to a poll is cut off, or what it sends is refused: that side of it
        # just ends.
        for side in (socket.eio.read_loop_task, socket.eio.write_loop_task):
            if side is None:
                lost.set()
            else:
                side.add_done_callback(lambda _: lost.set())
        self.connects += 1
        cursors = dict(self._cursors.last)
        for stream in await self._send_follow(cursors) if cursors else ():
            self._put(Reset(stream, 0, "withdrawn"))
        self._online.set()
        self._hold(self._keep_token(socket))

    async def _keep_token(self, socket: socketio.AsyncClient) -> None:
        """Gives the socket a fresh access token before the old one runs out."""
        while socket.connected:
            wait = self._refresh_at - asyncio.get_running_loop().time()
            await asyncio.sleep(max(1.0, wait))
            if socket.connected:
                with contextlib.suppress(SocketIOError, ClientError, httpx2.TransportError):
                    await self._refresh(self._token)
                    await socket.call("token", {"token": self._token}, timeout=ACK_SECONDS)

    async def _drop_socket(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await socket.disconnect()

    async def _send_follow(self, cursors: dict[str, int | None]) -> dict[str, Any]:
        """Follows on the present socket; answers the problems of the streams that were refused."""
        socket = self._socket
        if socket is None:
            raise SocketConnectionError("not connected")
        refused = {}
        wanted = dict(cursors)
        while wanted:
            ack = await socket.call("follow", {"streams": wanted}, timeout=ACK_SECONDS)
            problem = ack.get("error", {})
            if ack.get("ok"):
                answers: dict[str, Any] = ack["streams"]
                wanted = {}
            elif problem.get("status") in LATER:
                answers = {}
            else:
                raise Refused(problem)
            for stream, state in answers.items():
                if "error" in state and state["error"].get("status") in LATER:
                    problem = state["error"]
                    wanted[stream] = self._cursors.last.get(stream)
                elif "error" in state:
                    self._cursors.last.pop(stream, None)
                    refused[stream] = state["error"]
                elif state.get("reset"):
                    self._on_reset({"stream": stream, "head": state["head"], "reason": "too_old"})
                    wanted[stream] = state["head"]
                elif self._cursors.last.get(stream) is None:
                    self._cursors.last[stream] = state["cutoff"]
            if problem:
                await asyncio.sleep(asked(problem.get("retry_after", 1)))
        return refused

    def _put(self, item: Entry | Reset) -> None:
        try:
            self._entries.put_nowait(item)
        except asyncio.QueueFull:
            self._failure = ClientError(f"{WAITING_ENTRIES} entries wait to be read")
            if self._runner is not None:
                self._runner.cancel()

    def _on_entries(self, documents: list[dict[str, Any]]) -> None:
        ready, holes = self._cursors.take(Entry.parse(document) for document in documents)
        for entry in ready:
            self._put(entry)
        for stream in holes:
            self._start_filling(stream)

    def _on_heads(self, heads: dict[str, int]) -> None:
        for stream, head in heads.items():
            last = self._cursors.last.get(stream)
            if last is not None and head > last:
                self._start_filling(stream)

    def _on_reset(self, document: dict[str, Any]) -> None:
        stream = document["stream"]
        if stream not in self._cursors.last:
            return
        if document["reason"] == "withdrawn":
            del self._cursors.last[stream]
        else:
            self._cursors.last[stream] = document["head"]
        self._put(Reset(stream, document["head"], document["reason"]))

    def _on_signal(self, document: dict[str, Any]) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.signals.put_nowait(document)

    def _start_filling(self, stream: str) -> None:
        if stream not in self._filling:
            self._filling.add(stream)
            self._hold(self._fill(stream))

    async def _fill(self, stream: str) -> None:
        """Reads a hole from the log; entries that arrive meanwhile are found there, too."""
        try:
            while (last := self._cursors.last.get(stream)) is not None:
                page = await self.request(
                    "GET", f"/api/streams/{stream}/entries", after=last, limit=PAGE
                )
                if page["reset"]:
                    self._on_reset({"stream": stream, "head": page["head"], "reason": "too_old"})
                    return
                ready, _ = self._cursors.take(Entry.parse(item) for item in page["items"])
                for entry in ready:
                    self._put(entry)
                if not page["items"] or (self._cursors.last.get(stream) or 0) >= page["head"]:
                    return
        except Refused as refused:
            logger.info("a hole in %s cannot be filled: %s", stream, refused)
        finally:
            self._filling.discard(stream)

    def _hold(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def read_answer(response: httpx2.Response) -> Any:
    """The JSON of an answer, None if it has no body. Raises Refused for a problem."""
    if response.status_code >= 400:
        try:
            problem = response.json()
        except ValueError:
            problem = {"status": response.status_code, "detail": response.reason_phrase}
        raise Refused(problem)
    return response.json() if response.content else None


def asked(seconds: Any) -> float:
    """The seconds a server asks for, within bounds and with up to a quarter more by chance; 0 for nonsense."""
    try:
        wait = float(seconds or 0)
    except (TypeError, ValueError):
        return 0.0
    if not wait > 0:
        return 0.0
    return min(wait, LONGEST_ASKED) * (1 + random.random() / 4)  # noqa: S311 - spreads load, no secret


async def pause(wait: float) -> float:
    """Sleeps about `wait` seconds, jittered; answers the next, longer wait, up to LONGEST_WAIT."""
    await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311 - spreads load, no secret
    return min(wait * 2, LONGEST_WAIT)
